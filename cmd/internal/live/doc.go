// Package live shows a run, or a comparison, as a page in a browser, while it goes on and, a run, afterwards. Pages, scripts and styles
// are in the binary, and ask nothing of any other machine.
//
// What is shown of a run is on a [Board]: a trainer's events come to it by an observer, those of earlier by the run's log. What is shown
// of a comparison is a [Comparison], a row for each optimizer on each problem. A [Server] serves
//
//	/         the page
//	/events   what it shows, as server-sent events
//	/metrics  its numbers, in Prometheus' text form
//
// Events are snapshots, of all there is, and updates, of what is new, at most one a second but for validations in haste. A client that
// comes back with the id of the last event it heard, in the header Last-Event-ID or as /events?last=ID, is told what it has missed,
// or all, if that is no longer known or was a server's before this one. A client that does not keep up is dropped; it will come
// back.
package live
