// Package account has the small values that the parts of Sleuth share: which
// account, which key, and what went wrong there.
package account

// Account is an AWS account.
type Account struct {
	ID    string `json:"id"`
	Alias string `json:"alias,omitempty"`
}

// String names the account as every message's header does.
func (a Account) String() string {
	if a.Alias == "" {
		return "AWS account " + a.ID
	}
	return "AWS account " + a.ID + " (" + a.Alias + ")"
}

// Problem is something that could not be read or done.
type Problem struct {
	User  string `json:"user,omitempty"`
	KeyID string `json:"key_id,omitempty"`
	Text  string `json:"text"`
}

// KeyRef names a key.
type KeyRef struct {
	User  string `json:"user"`
	KeyID string `json:"key_id"`
}
