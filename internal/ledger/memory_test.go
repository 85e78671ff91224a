package ledger_test

import (
	"testing"

	"github.com/iam-sleuth/sleuth/internal/ledger"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	testContract(t, func(*testing.T) ledger.Store { return ledger.NewMemory() })
}
