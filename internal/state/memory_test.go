package state_test

import (
	"testing"

	"github.com/iam-sleuth/sleuth/internal/state"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	testContract(t, func(*testing.T) state.Store { return state.NewMemory() })
}
