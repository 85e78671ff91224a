package notify

// Announced reports whether at least one channel delivered every message of a batch
// with an announcement. deliveries is what Deliver returned for posts.
func Announced(posts []Post, deliveries []Delivery) bool {
	for i, post := range posts {
		announces := post.Batch.For(post.Channel).Announcement != ""
		if d := deliveries[i]; announces && Delivers(post.Channel) && d.Sent > 0 && len(d.Failures) == 0 {
			return true
		}
	}
	return false
}
