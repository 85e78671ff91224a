package audit

import "net/url"

// ConsoleOf is the IAM console's address in a partition of AWS.
func ConsoleOf(partition string) string {
	switch partition {
	case "aws-us-gov":
		return "https://console.amazonaws-us-gov.com/iam/home"
	case "aws-cn":
		return "https://console.amazonaws.cn/iam/home"
	}
	return "https://console.aws.amazon.com/iam/home"
}

// ConsoleURL is the page of the IAM console with a user's access keys, in a
// partition of AWS; empty is aws. It has no character that a channel has to
// escape.
func ConsoleURL(partition, user string) string {
	return ConsoleOf(partition) + "#/users/details/" + url.QueryEscape(user) + "?section=security_credentials"
}
