// Package dimse speaks DICOM over TCP and TLS: the upper layer of PS3.8 and the messages of PS3.7, both sides.
//
// An Association reads its connection in one goroutine of its own. A request of the peer becomes a Message for the Handler,
// which runs in its own goroutine and answers with Message.Reply or Association.Send; responses find the call that waits for
// them. So a C-CANCEL is seen while its C-FIND is still being answered (the handler's context ends with ErrCancelled), and
// with an asynchronous operations window above one several operations are open at once and may be answered in any order.
//
// Data sets are never held: Message.Data reads PDVs straight from the connection, and what is sent is read from an io.Reader
// into PDUs of the peer's size. The next message is read when the data of the one before is used up, or its handler returned.
//
// Rules that keep a bad peer cheap:
//   - An association PDU is at most 512 KiB with at most 128 presentation contexts, 64 transfer syntaxes in each; a command
//     set is at most 64 KiB; memory grows with what came, never with a length that was announced.
//   - Until a message is complete its bytes must come at 4 KiB per Options.Stall on average, however they are cut.
//   - The association must be asked for within Options.ARTIM; an idle one ends after Options.Idle.
//   - What the state table of PS3.8 §9.2 does not foresee is answered with A-ABORT and the reason of PS3.8 §9.3.8.
//
// The package moves bytes. Reading and writing of data sets is the parent package's work.
package dimse
