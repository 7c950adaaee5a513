package dimse

// state is a state of the upper layer's protocol machine (PS3.8 §9.2.1).
type state uint8

const (
	sta1  state = iota + 1 // idle
	sta2                   // transport open, awaiting A-ASSOCIATE-RQ
	sta3                   // awaiting the local A-ASSOCIATE response
	sta4                   // awaiting the transport to open
	sta5                   // awaiting A-ASSOCIATE-AC or -RJ
	sta6                   // association established
	sta7                   // awaiting A-RELEASE-RP
	sta8                   // awaiting the local A-RELEASE response
	sta9                   // release collision, requester: awaiting the local A-RELEASE response
	sta10                  // release collision, acceptor: awaiting A-RELEASE-RP
	sta11                  // release collision, requester: awaiting A-RELEASE-RP
	sta12                  // release collision, acceptor: awaiting the local A-RELEASE response
	sta13                  // awaiting the transport to close
)

// event is what happens to the machine (PS3.8 table 9-10, rows).
type event uint8

const (
	evt1  event = iota + 1 // local A-ASSOCIATE request
	evt2                   // transport opened
	evt3                   // A-ASSOCIATE-AC received
	evt4                   // A-ASSOCIATE-RJ received
	evt5                   // transport connection came in
	evt6                   // A-ASSOCIATE-RQ received
	evt7                   // local A-ASSOCIATE response: accept
	evt8                   // local A-ASSOCIATE response: reject
	evt9                   // local P-DATA request
	evt10                  // P-DATA-TF received
	evt11                  // local A-RELEASE request
	evt12                  // A-RELEASE-RQ received
	evt13                  // A-RELEASE-RP received
	evt14                  // local A-RELEASE response
	evt15                  // local A-ABORT request
	evt16                  // A-ABORT received
	evt17                  // transport closed
	evt18                  // ARTIM expired
	evt19                  // unrecognized or invalid PDU
)

// action is a row of PS3.8 tables 9-6 to 9-9.
type action uint8

const (
	refuse action = iota // blank in the table: cannot happen here, a local request is refused
	ae1
	ae2
	ae3
	ae4
	ae5
	ae6
	ae7
	ae8
	dt1
	dt2
	ar1
	ar2
	ar3
	ar4
	ar5
	ar6
	ar7
	ar8
	ar9
	ar10
	aa1
	aa2
	aa3
	aa4
	aa5
	aa6
	aa7
	aa8
)

// timer says what an action does to ARTIM.
type timer uint8

const (
	artimAsIs timer = iota
	artimStart
	artimStop
)

// effect is what an action does: the PDU it sends (the caller gives the bytes of those with content), the state it ends in,
// and whether the association is over for its user or the transport is closed.
type effect struct {
	send  pduType
	next  state
	artim timer
	over  bool // the user is told that the association has ended
	close bool
}

// effects are PS3.8 tables 9-6 to 9-9. ae6 and ar8 have a second outcome, see step.
var effects = [...]effect{
	ae1:  {next: sta4},
	ae2:  {next: sta5, send: associateRQ},
	ae3:  {next: sta6},
	ae4:  {next: sta1, over: true, close: true},
	ae5:  {next: sta2, artim: artimStart},
	ae6:  {next: sta3, artim: artimStop},
	ae7:  {next: sta6, send: associateAC},
	ae8:  {next: sta13, send: associateRJ, artim: artimStart, over: true},
	dt1:  {next: sta6, send: dataTF},
	dt2:  {next: sta6},
	ar1:  {next: sta7, send: releaseRQ},
	ar2:  {next: sta8},
	ar3:  {next: sta1, over: true, close: true},
	ar4:  {next: sta13, send: releaseRP, artim: artimStart, over: true},
	ar5:  {next: sta1, artim: artimStop, close: true},
	ar6:  {next: sta7},
	ar7:  {next: sta8, send: dataTF},
	ar8:  {next: sta10},
	ar9:  {next: sta11, send: releaseRP},
	ar10: {next: sta12},
	aa1:  {next: sta13, send: abortPDU, artim: artimStart, over: true},
	aa2:  {next: sta1, artim: artimStop, over: true, close: true},
	aa3:  {next: sta1, over: true, close: true},
	aa4:  {next: sta1, over: true, close: true},
	aa5:  {next: sta1, artim: artimStop, over: true, close: true},
	aa6:  {next: sta13},
	aa7:  {next: sta13, send: abortPDU},
	aa8:  {next: sta13, send: abortPDU, artim: artimStart, over: true},
}

// row spreads one event over the states: idle is Sta1 to Sta5, then one action for all of Sta6 to Sta12 unless changed by
// name, then Sta13.
type row [sta13 + 1]action

func spread(s2, s3, s4, s5, open, s13 action, except map[state]action) row {
	r := row{sta2: s2, sta3: s3, sta4: s4, sta5: s5, sta13: s13}
	for s := sta6; s <= sta12; s++ {
		r[s] = open
	}
	for s, a := range except {
		r[s] = a
	}
	return r
}

// transitions is PS3.8 table 9-10.
var transitions = [evt19 + 1]row{
	evt1:  {sta1: ae1},
	evt2:  {sta4: ae2},
	evt3:  spread(aa1, aa8, refuse, ae3, aa8, aa6, nil),
	evt4:  spread(aa1, aa8, refuse, ae4, aa8, aa6, nil),
	evt5:  {sta1: ae5},
	evt6:  spread(ae6, aa8, refuse, aa8, aa8, aa7, nil),
	evt7:  {sta3: ae7},
	evt8:  {sta3: ae8},
	evt9:  {sta6: dt1, sta8: ar7},
	evt10: spread(aa1, aa8, refuse, aa8, aa8, aa6, map[state]action{sta6: dt2, sta7: ar6}),
	evt11: {sta6: ar1},
	evt12: spread(aa1, aa8, refuse, aa8, aa8, aa6, map[state]action{sta6: ar2, sta7: ar8}),
	evt13: spread(aa1, aa8, refuse, aa8, aa8, aa6, map[state]action{sta7: ar3, sta10: ar10, sta11: ar3}),
	evt14: {sta8: ar4, sta9: ar9, sta12: ar4},
	evt15: spread(refuse, aa1, aa2, aa1, aa1, refuse, nil),
	evt16: spread(aa2, aa3, refuse, aa3, aa3, aa2, nil),
	evt17: spread(aa5, aa4, aa4, aa4, aa4, ar5, nil),
	evt18: {sta2: aa2, sta13: aa2},
	evt19: spread(aa1, aa8, refuse, aa8, aa8, aa7, nil),
}

// machine holds the state of one association. Its owner guards it.
type machine struct {
	state     state
	requester bool
}

// step takes the event and says what is to be done; ok is false where the table is blank.
func (m *machine) step(e event) (act action, do effect, ok bool) {
	act = transitions[e][m.state]
	if act == refuse {
		return act, effect{next: m.state}, false
	}
	do = effects[act]
	if act == ar8 && m.requester {
		do.next = sta9 // PS3.8 table 9-8: the requester answers a colliding release first
	}
	m.state = do.next
	return act, do, true
}
