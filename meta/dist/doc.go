// Package dist shares the members of an outer step out to workers: goroutines of this process, or processes anywhere. It knows of no
// network; package queue, below it, does.
//
// # Work
//
// An outer step is of M members, and M belongs to the run: it decides the bits, the workers do not. A member is a [Task], which an
// [Evaluator] makes a [Result] of:
//
//	(phi, key, state) -> (estimate, gradient, next state)
//
// All that a result depends on is in its task, so that it does not matter who makes it, how often, or who dies meanwhile. A [Pool] has
// tasks done and hands the results back in the order of the tasks; [Estimator] adds them up in it, as meta.Many does, with the same bits
// in phi and in checkpoints. Of a search a member is a candidate, whose result is a loss ([Candidates]).
//
// # State travels
//
// A member is a whole estimator: BPTT, or an evolution strategy with its pairs. What that carries from one outer step to the next
// (meta.Resumable) is the member's state, as the bytes of a checkpoint: the weights of the unfinished episode, the rule's memory, the
// perturbations that persist. It goes with the task and comes back with the result, so that a worker keeps nothing that anybody would
// miss and the learner always holds all that a checkpoint needs. The two other ways were not taken: to replay an episode from its
// beginning with the phis since then costs up to an episode each time that a member changes hands, and episodes of an evolution
// strategy's pairs begin at different times; to leave states with workers and to fetch copies now and then saves most of the bytes,
// but a worker's death costs a replay from the last copy, and each checkpoint needs a round of everybody.
//
// The price is bytes. An estimator between two episodes has no state, and none travels: windows as long as the horizon, es, the
// candidates of a search. Else, in numbers of 4 bytes, with n weights, s numbers of the rule's memory for each weight, C copies, P pairs
// and B branches (2, or 3 for truncated-es and with a control variate):
//
//	bptt, window < horizon    C n (1 + s)
//	es                        0
//	nres, pes, gpes, ...      P (2 |phi| + B C (n (2 + s) + 1))
//
// # What travels in an outer step
//
// With M members and W workers (processes), for package queue. Blobs, phi and states, that are longer than 4 KiB (phi) or 256 KiB
// (states and gradients) are stored once under their SHA-256 in parts of 512 KiB, and fetched by whoever has not got them yet; shorter
// ones are part of the message. Bytes, without the 50 to 200 that NATS adds to a message:
//
//	to workers      M tasks of 60 + blob + blob, where a blob is 1 if empty, 5 + its length if it is in the message, or 49 if it is stored;
//	                phi once to each process if it is stored; a stored state once to the process that takes the member
//	to the learner  M results of 101 + blob + blob: the gradient, 4 |phi| or nothing for a search, and the state
//	                a stored state once, stored by the worker that made it
//	now and then    a heartbeat of some 200 each second and process; a lease's of 30 each 0.7 s and task under way
//
// Messages, for each member 7: a task published and confirmed, asked for and delivered, a result and its answer, the task acknowledged.
// For each part of a blob 2 (published, confirmed), and 2 for each process that fetches it.
//
// For example mnist8 with the paper's LSTM has n = 1,510, s = 80 and |phi| = 5,141 (21 kB): windows of 100 in episodes of 100 take
// 21 kB down for each process and 21 kB up for each member, windows of 20 another 489 kB up and down for each member. Such an estimator
// wants a fast network. With few numbers of memory, or windows of a whole episode, it is the gradients that count, 4 M |phi| an outer step.
//
// # Leases and faults
//
// Tasks wait in a work queue of NATS JetStream until a worker has acknowledged them, which it does when the learner has taken the
// result. A worker that has a task renews its lease of 2 s each 0.7 s: if it dies, stops or loses the network, the task goes to another
// one. A learner that sees an empty queue and members without a result issues these anew, whatever became of them; one that has not
// heard of a worker for 3.5 s makes members itself, one after the other, until it does. What is late, twice,
// of another session, malformed, of a wrong length, or does not fit its checksum is refused and counted. A gradient that is not finite may be so
// in truth: the learner makes that member itself and believes only this; so it does where a worker reports an error. A worker that has
// the token and reports wrong numbers in good form is believed.
// The learner has an estimator load each state that it takes, which costs it an evaluation of the problem for each member.
//
// A learner's session has a random name. A resumed learner has a new one and empties the queue; workers hear of it with the first task
// that is not theirs, and ask for the settings again.
package dist
