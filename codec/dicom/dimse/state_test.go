package dimse

import (
	"fmt"
	"strings"
	"testing"
)

// table is PS3.8 table 9-10 as it is printed: a line for each event, a column for each of Sta1 to Sta13, "-" where it is blank.
const table = `
1   AE-1  -    -    -    -    -    -    -    -    -     -    -    -
2   -     -    -    AE-2 -    -    -    -    -    -     -    -    -
3   -     AA-1 AA-8 -    AE-3 AA-8 AA-8 AA-8 AA-8 AA-8  AA-8 AA-8 AA-6
4   -     AA-1 AA-8 -    AE-4 AA-8 AA-8 AA-8 AA-8 AA-8  AA-8 AA-8 AA-6
5   AE-5  -    -    -    -    -    -    -    -    -     -    -    -
6   -     AE-6 AA-8 -    AA-8 AA-8 AA-8 AA-8 AA-8 AA-8  AA-8 AA-8 AA-7
7   -     -    AE-7 -    -    -    -    -    -    -     -    -    -
8   -     -    AE-8 -    -    -    -    -    -    -     -    -    -
9   -     -    -    -    -    DT-1 -    AR-7 -    -     -    -    -
10  -     AA-1 AA-8 -    AA-8 DT-2 AR-6 AA-8 AA-8 AA-8  AA-8 AA-8 AA-6
11  -     -    -    -    -    AR-1 -    -    -    -     -    -    -
12  -     AA-1 AA-8 -    AA-8 AR-2 AR-8 AA-8 AA-8 AA-8  AA-8 AA-8 AA-6
13  -     AA-1 AA-8 -    AA-8 AA-8 AR-3 AA-8 AA-8 AR-10 AR-3 AA-8 AA-6
14  -     -    -    -    -    -    -    AR-4 AR-9 -     -    AR-4 -
15  -     -    AA-1 AA-2 AA-1 AA-1 AA-1 AA-1 AA-1 AA-1  AA-1 AA-1 -
16  -     AA-2 AA-3 -    AA-3 AA-3 AA-3 AA-3 AA-3 AA-3  AA-3 AA-3 AA-2
17  -     AA-5 AA-4 AA-4 AA-4 AA-4 AA-4 AA-4 AA-4 AA-4  AA-4 AA-4 AR-5
18  -     AA-2 -    -    -    -    -    -    -    -     -    -    AA-2
19  -     AA-1 AA-8 -    AA-8 AA-8 AA-8 AA-8 AA-8 AA-8  AA-8 AA-8 AA-7
`

var actionNames = nameActions()

func nameActions() map[action]string {
	names := map[action]string{refuse: "-", dt1: "DT-1", dt2: "DT-2"}
	for i := range action(8) {
		names[ae1+i] = fmt.Sprintf("AE-%d", i+1)
		names[aa1+i] = fmt.Sprintf("AA-%d", i+1)
	}
	for i := range action(10) {
		names[ar1+i] = fmt.Sprintf("AR-%d", i+1)
	}
	return names
}

// nextStates are the states of PS3.8 tables 9-6 to 9-9, by the role where it matters.
var nextStates = map[action][2]state{ // acceptor, requester
	ae1: {4, 4}, ae2: {5, 5}, ae3: {6, 6}, ae4: {1, 1}, ae5: {2, 2}, ae6: {3, 3}, ae7: {6, 6}, ae8: {13, 13}, dt1: {6, 6}, dt2: {6, 6},
	ar1: {7, 7}, ar2: {8, 8}, ar3: {1, 1}, ar4: {13, 13}, ar5: {1, 1}, ar6: {7, 7}, ar7: {8, 8}, ar8: {10, 9}, ar9: {11, 11}, ar10: {12, 12},
	aa1: {13, 13}, aa2: {1, 1}, aa3: {1, 1}, aa4: {1, 1}, aa5: {1, 1}, aa6: {13, 13}, aa7: {13, 13}, aa8: {13, 13},
}

// TestStateTable holds every pair of state and event against the printed table.
func TestStateTable(t *testing.T) {
	pairs := 0
	for i, line := range strings.Split(strings.TrimSpace(table), "\n") {
		cells := strings.Fields(line)
		if len(cells) != 14 || cells[0] != fmt.Sprint(i+1) {
			t.Fatalf("line %q", line)
		}
		for s := sta1; s <= sta13; s++ {
			for role, requester := range []bool{false, true} {
				m := machine{state: s, requester: requester}
				act, do, ok := m.step(event(i + 1))
				if actionNames[act] != cells[s] || ok != (cells[s] != "-") {
					t.Errorf("event %d in state %d: %s, want %s", i+1, s, actionNames[act], cells[s])
				}
				want := s
				if ok {
					want = nextStates[act][role]
				}
				if m.state != want || do.next != want {
					t.Errorf("event %d in state %d ends in %d, want %d", i+1, s, m.state, want)
				}
				pairs++
			}
		}
	}
	if pairs != 19*13*2 {
		t.Errorf("%d pairs", pairs)
	}
}

// TestEffectsAreConsistent holds the tables of actions to the rules behind them.
func TestEffectsAreConsistent(t *testing.T) {
	for act := ae1; act <= aa8; act++ {
		do := effects[act]
		if do.close != (do.next == sta1) {
			t.Errorf("%s: the transport is closed exactly when Sta1 is next", actionNames[act])
		}
		if do.next == sta13 && act != aa6 && act != aa7 && do.artim != artimStart {
			t.Errorf("%s: Sta13 is entered with ARTIM", actionNames[act])
		}
		if do.next == sta13 && act != aa6 && act != aa7 && !do.over {
			t.Errorf("%s: the user must know", actionNames[act])
		}
		if do.send == abortPDU && do.next != sta13 {
			t.Errorf("%s: abort and go on", actionNames[act])
		}
	}
}
