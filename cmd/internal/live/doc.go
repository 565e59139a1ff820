// Package live shows a run as a page in a browser, while it goes on and afterwards. The page, its scripts and its styles are in the
// binary, and it asks nothing of any other machine.
//
// What is shown is on a [Board]: a trainer's events come to it by an observer, those of earlier by the run's log. A [Server] serves
//
//	/         the page
//	/events   the board, as server-sent events
//	/metrics  the board's numbers, in Prometheus' text form
//
// Events are snapshots, of all there is, and updates, of what is new, at most one a second but for validations in haste. A client that
// comes back with the id of the last event it heard, in the header Last-Event-ID or as /events?last=ID, is told what it has missed,
// or all, if that is no longer known or was a server's before this one. A client that does not keep up is dropped; it will come
// back.
package live
