package org_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/iam-sleuth/sleuth/internal/awsfake"
	"github.com/iam-sleuth/sleuth/internal/ledger"
)

// exempt makes a user whose key is past its limit, with a tag KeyAutoExpire.
func (w *world) exempt(account int, name, keyID, tag string) {
	w.aws.Account(w.accounts[account]).AddUser(awsfake.User{Name: name, Tags: map[string]string{"KeyAutoExpire": tag, "KeyAutoExpireReason": "why"}, Keys: []awsfake.Key{
		{ID: keyID, Active: true, Created: w.now.AddDate(0, 0, -400), LastUsed: w.now.AddDate(0, 0, -1)},
	}})
}

// TestTheDigestAnnouncesExemptions of all accounts in one: of those that end with
// every run, of those without an end once a month, and by account if not all
// were notified of.
func TestTheDigestAnnouncesExemptions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exempt(0, "bot", "AKIABOT", "False")
	w.exempt(1, "soon", "AKIASOON", "False until 2026-03-10")
	said := func() string {
		t.Helper()
		last := w.slack.bulletins[len(w.slack.bulletins)-1].Announcement
		w.slack.bulletins = nil
		return last
	}
	const ending = "1 exemption ends within 14 days; after that the keys are evaluated like any other:\n" +
		"key AKIASOON of user soon in AWS account 100000000002 (alias-2): through Tuesday 10 March 2026 (UTC); reason: why; without it the key is past its limit due to creation age (created 400 days ago)"
	if w.digest().Send(t.Context(), w.runAll()); said() != ending {
		t.Error("the first digest does not say what ends, and that alone")
	}

	w.now = w.now.Add(day)
	w.slack.err, w.sns.err = errDown, errDown
	w.digest().Send(t.Context(), w.runAll())
	w.slack.err, w.slack.bulletins = nil, nil
	w.now = w.now.Add(day)
	runs := w.runAll()
	dry := w.digest()
	dry.Store = ledger.NewOverlay(w.store)
	dry.Send(t.Context(), runs)
	const open = "key AKIABOT of user bot in AWS account 100000000001 (alias-1): without an end; reason: why; without it the key is past its limit due to creation age (created 402 days ago)"
	if got := said(); !strings.Contains(got, open) {
		t.Errorf("the dry digest says %q", got)
	}
	w.digest().Send(t.Context(), runs)
	if got := said(); !strings.Contains(got, "\n\n1 exemption has no end or no reason.") || !strings.HasSuffix(got, "\n"+open) {
		t.Errorf("the digest says %q", got)
	}
	last, err := w.store.(ledger.Runs).LastRun(t.Context(), w.accounts[0])
	if err != nil || !last.ExemptionsNotified.Equal(w.now) || last.Run != runs[0].Run || last.Ended.IsZero() {
		t.Errorf("remembered %+v, %v", last, err)
	}

	w.now = w.now.Add(day)
	w.digest().Send(t.Context(), w.runAll())
	if got := said(); strings.Contains(got, "AKIABOT") || !strings.Contains(got, "AKIASOON") {
		t.Errorf("the next day the digest says %q", got)
	}
	w.now = time.Date(2026, time.April, 1, 12, 0, 0, 0, time.UTC)
	w.digest().Send(t.Context(), w.runAll())
	if got := said(); !strings.Contains(got, "AKIABOT") {
		t.Errorf("the next month the digest says %q", got)
	}
}

// TestADigestThatFailsNamesEveryKeyInTheLog, however many there are.
func TestADigestThatFailsNamesEveryKeyInTheLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const keys = 30
	for i := range keys {
		name := "user-" + string(rune('A'+i))
		w.user(0, name, "", "AKIA"+strings.ToUpper(name[5:]), 85)
	}
	w.slack.err = errDown
	var log bytes.Buffer
	d := w.digest()
	d.Log = slog.New(slog.NewTextHandler(&log, nil))
	sent := d.Send(t.Context(), w.runAll())
	if len(sent.Problems) != 1 || !strings.Contains(sent.Problems[0].Text, " in account 100000000001, and 25 more") {
		t.Errorf("problems: %+v", sent.Problems)
	}
	if got := strings.Count(log.String(), "a notice was not delivered"); got != keys {
		t.Errorf("the log names %d keys, want %d", got, keys)
	}
}
