package notify

// Announced reports whether some channel that reaches people took the whole of
// a batch that has an announcement, given what Deliver made of the posts.
func Announced(posts []Post, deliveries []Delivery) bool {
	for i, post := range posts {
		announces := post.Batch.For(post.Channel).Announcement != ""
		if d := deliveries[i]; announces && Delivers(post.Channel) && d.Sent > 0 && len(d.Failures) == 0 {
			return true
		}
	}
	return false
}
