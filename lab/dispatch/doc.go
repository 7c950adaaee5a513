// Package dispatch brings results back to who ordered them 结果回传: over MLLP to the system of a hospital, as ORU^R01, and by webhooks. (The third way
// is the feed of lab.Centre, which others read.)
//
// An institution subscribes. Every change of a report (released, corrected, withdrawn) becomes one row of the outbox of each subscription that it
// matches; what is sent is the report as it is then, so that a change which was overtaken before it left is one with the newer. Delivery is at least
// once: a receiver tells repetitions by MSH-10, or webhook-id, which stay the same for the same content. Of a person one thing leaves after
// the other, in the order in which it happened; of a subscription there is one in the air.
//
// The other way round, a laboratory subscribes to the orders that it is to measure, and gets them as OML^O21 or ORM^O01 by the same outbox.
//
// What keeps a delivery from its receiver is told apart. A receiver that is out of reach holds back everything for it, and after three days a person
// must say that it goes on: nothing is lost and the order is kept. A receiver that answers but cannot take one message (AE) is asked again with that
// one, while other persons' results go on; what it refuses (AR), and what it could not take for three days, waits for a person and no longer
// holds up newer reports.
//
//	subscription.go  who is told what, where      collect.go  events -> rows of the outbox
//	run.go           who works on which outbox    deliver.go  one delivery: read, note, send, settle
//	order.go         orders to a laboratory
//	mllp.go ack.go   over MLLP                    webhook.go payload.go  over HTTPS
//	delivery.go      what people see and decide   trouble.go  what went wrong, in words without personal data
package dispatch
