package main

import (
	"fmt"
	"time"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
)

const (
	keysPerUser = 2
	// Of a hundred users five have keys to act on, one of them keys past the
	// limit and four keys to warn of; both keys of each, so that it is 5 % of
	// the keys as well.
	everyNeedsAction = 20
	everyPastLimit   = 100

	pastLimitDays = 95
	warnDays      = 85
	// The keys of the others are of every age below the warning of 80 days.
	quietDays = 79
)

// keyAge is the age in days of a key of the i-th user.
func keyAge(i, key int) int {
	switch {
	case i%everyPastLimit == 0:
		return pastLimitDays
	case i%everyNeedsAction == 0:
		return warnDays
	}
	return 1 + (i*keysPerUser+key)*7%quietDays
}

// fill gives the account so many users.
func fill(account *awsfake.Account, users int, now time.Time) {
	for i := range users {
		user := awsfake.User{
			Name:    nameOf(i),
			Created: now.AddDate(-2, 0, 0),
			Tags:    map[string]string{"Name": fmt.Sprintf("User %d", i), "Slack": fmt.Sprintf("U%08d", i)},
		}
		for key := range keysPerUser {
			user.Keys = append(user.Keys, awsfake.Key{
				Active:   true,
				Created:  now.AddDate(0, 0, -keyAge(i, key)).Add(-time.Duration(key) * time.Hour), // nobody makes two at once
				LastUsed: now.Add(-time.Duration(1+i%48) * time.Hour / 2),
			})
		}
		account.AddUser(user)
	}
	fillGroup(account, users)
}
