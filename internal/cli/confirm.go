package cli

import (
	"bufio"
	"context"
	"fmt"
	"strings"
)

// confirm asks, and takes nothing but a yes for a yes.
func (a *console) confirm(ctx context.Context, question string) bool {
	fmt.Fprintf(a.stdout, "%s [y/N] ", question)
	answers := make(chan string, 1)
	go func() {
		answer, _ := bufio.NewReader(a.stdin).ReadString('\n')
		answers <- answer
	}()
	select {
	case answer := <-answers:
		switch strings.ToLower(strings.TrimSpace(answer)) {
		case "y", "yes":
			return true
		}
	case <-ctx.Done(): // an interrupt is a no, and so is a lost lease
	}
	fmt.Fprintln(a.stdout)
	return false
}
