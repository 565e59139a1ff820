// What is known of the run: the server's snapshot, and the updates since.
const known = { run: { title: "", dir: "", settings: [], lines: [] }, status: {}, points: [], validations: [], weights: [], inner: {}, helpers: null };

// losses are the loss chart's columns: training loss between validations until there is a finer one, and validation loss.
function losses() {
	const begin = known.points.length ? known.points[0].episodes : Infinity, train = new Map(), valid = new Map();
	for (const v of known.validations) {
		if (v.episodes < begin) train.set(v.episodes, v.train_loss);
		valid.set(v.episodes, v.valid_loss);
	}
	for (const p of known.points) train.set(p.episodes, p.loss);
	const x = [...new Set([...train.keys(), ...valid.keys()])].sort((a, b) => a - b);
	const can = at("log").checked ? y => (y > 0 ? y : null) : y => y;
	const column = m => x.map(e => { const y = m.get(e); return y === undefined || y === null ? undefined : can(y); });
	return [x, column(train), column(valid), ...lines().map(l => x.map(() => can(l.loss)))];
}

const lines = () => known.run.lines || [];

const dashed = (label, stroke, dash) => ({ label, stroke, dash });

function drawLosses() {
	const beat = lines(), few = known.validations.length < 60;
	curves("loss", "loss", losses(), at("log").checked, "episode", 2, [
		{ label: "training", stroke: colour("orange"), width: 1.25, spanGaps: true },
		{ label: "validation", stroke: colour("blue"), width: 2.5, spanGaps: true, points: { show: few, size: 6, fill: colour("blue") } },
		...beat.map((l, i) => dashed(l.name, cycle[i % cycle.length], dashes[i % dashes.length])),
	]);
}

function drawNorm() {
	const longest = new Map();
	for (const p of known.points) if (p.norm > 0) longest.set(p.episodes, Math.max(p.norm, longest.get(p.episodes) || 0));
	at("s-norm").hidden = longest.size === 0;
	const st = known.status;
	at("clips").textContent = whole(st.clipped) + " clipped, " + whole(st.skipped) + " skipped";
	if (longest.size === 0) return;
	const top = Number((known.run.settings.find(s => s.name === "clip") || {}).value) || 0;
	const columns = [[...longest.keys()], [...longest.values()]];
	if (top > 0) columns.push(columns[0].map(() => top));
	curves("norm", "norm", columns, true, "episode", 1, [
		{ label: "longest", stroke: colour("blue") }, ...(top > 0 ? [dashed("clipped above", colour("red"), dashes[0])] : []),
	]);
}

function drawWeights() {
	const list = known.weights, pick = at("pick");
	at("s-weights").hidden = list.length === 0;
	if (list.length === 0) return;
	const last = pick.value === pick.max;
	pick.max = list.length - 1;
	if (last) pick.value = pick.max;
	at("slide").hidden = list.length < 2;
	const w = list[Number(pick.value)];
	const when = "after " + whole(w.episodes) + " episodes";
	pick.setAttribute("aria-valuetext", when);
	at("when").textContent = when + (w.odd ? "; " + whole(w.odd) + " not finite" : "");
	bars("weights", "weights", w.low, w.high, [w.counts], {
		label: "weight", tick: short, series: [{ label: "how many", stroke: colour("blue"), fill: colour("blue") + "80", paths: filled() }],
	});
}

// drawInner shows training on the validation problems: under the rule as it stands, the best so far, and a baseline.
function drawInner() {
	const { now, best, beside, on } = known.inner;
	at("s-inner").hidden = !now;
	if (!now) return;
	const named = t => "rule after " + whole(t.episodes) + " episodes";
	const all = [[now, { label: named(now), stroke: colour("blue"), width: 2.5 }]];
	if (best && best.episodes !== now.episodes) all.push([best, Object.assign(dashed("best, after " + whole(best.episodes), colour("green"), dashes[2]), { width: 1.75 })]);
	if (beside) all.push([beside, Object.assign(dashed(beside.name, colour("orange"), dashes[0]), { width: 1.75 })]);
	const losses = all.map(([t]) => t.loss), log = logarithmic(losses.flat().filter(y => y !== null));
	at("on").textContent = on ? "on " + on : "";
	curves("inner", "inner", [now.at, ...losses.map(l => l.map(y => (log && !(y > 0) ? null : y)))], log, "step", 1,
		all.map(([, s]) => s), [null, ...all.map(([t]) => t.error)]);
}

// drawStrides shows how far single weights are moved, on a logarithmic scale.
function drawStrides() {
	const { now, beside } = known.inner;
	at("s-strides").hidden = !now || !now.counts;
	if (at("s-strides").hidden) return;
	const all = [now, beside].filter(t => t && t.counts), there = now.counts.map((_, i) => all.some(t => t.counts[i] > 0));
	const from = Math.max(0, there.indexOf(true) - 1), to = there.lastIndexOf(true) + 2, decade = Math.log10(2);
	const part = t => { const c = t.counts.slice(from, to), sum = t.counts.reduce((a, b) => a + b, 0) || 1; return c.map(n => n / sum); };
	at("still").textContent = (now.still ? whole(now.still) + " of 0 " : "") + (now.odd ? whole(now.odd) + " not finite" : "");
	bars("strides", ["strides", all.map(t => t.name)], (now.low + from) * decade, (now.low + to) * decade, all.map(part), {
		label: "length", tick: v => (10 ** v).toExponential(Number.isInteger(v) ? 0 : 1).replace("e+", "e"), share: true,
		series: [
			{ label: "the rule", stroke: colour("blue"), fill: colour("blue") + "80", paths: filled() },
			...(all.length > 1 ? [{ label: beside.name, stroke: colour("orange"), width: 2, dash: dashes[0] }] : []),
		],
	});
	at("stride-columns").replaceChildren(...["Tensor", "The rule", ...all.slice(1).map(t => t.name)].map(text => { const th = element("th", text); th.scope = "col"; return th; }));
	at("stride-rows").replaceChildren(...(now.tensors || []).map((t, i) => row(t.name, all.map(a => a.tensors[i].rms))));
}

function helpers() {
	const h = known.helpers;
	at("s-helpers").hidden = !h;
	if (!h) return;
	const list = h.list || [], more = h.workers - list.length;
	at("crew").textContent = whole(h.workers) + " workers, " + whole(h.busy) + " of " + whole(h.goroutines) + " goroutines busy, " +
		Math.round(100 * h.idle) + " % idle; " + whole(h.results) + " results from workers, " + whole(h.here) + " made here";
	at("helpers").replaceChildren(...list.map(w => row(w.name, [whole(w.goroutines), whole(w.busy), whole(w.results), rate(w.rate), w.silent < 1.5 ? "now" : span(w.silent) + " ago"])),
		...(more > 0 ? [row("and " + whole(more) + " more", [])] : []));
}

// ---- text

function tiles() {
	const st = known.status, v = known.validations[known.validations.length - 1] || {};
	const list = [
		["Episodes", whole(st.episodes)], ["Outer steps", whole(st.outer_steps)],
		["Validation loss", short(v.valid_loss)], ["Best so far", short(v.best_loss)],
	];
	const first = lines().reduce((a, l) => (a && a.loss <= l.loss ? a : l), null);
	if (first) list.push(["To beat: " + first.name, short(first.loss)]);
	if (st.elapsed > 0) {
		list.push(["Episodes / s", rate(st.episodes_per_second)], ["Inner steps / s", rate(st.inner_steps_per_second)],
			["Time so far", span(st.elapsed)], ["Time left", st.state === "learning" ? span(st.left) : "–"]);
	}
	head(st.state, st.state === "done" || st.state === "learning" ? "good" : st.state === "stopped" ? "bad" : "", st.elapsed > 0 ? st.fraction : null, list);
}

function validation(v) {
	const counted = n => { const d = exact(n); d.textContent = whole(n); return d; };
	const r = row(counted(v.episodes), [v.valid_loss, v.best_loss, v.train_loss, counted(v.outer_steps), whole(v.skipped), whole(v.diverged)]);
	if (v.best) r.className = "best";
	return r;
}

function about() {
	const run = known.run;
	titled(run.title || "metatrain", run.dir, run.settings);
	const beat = lines();
	at("s-beat").hidden = beat.length === 0;
	at("beat").replaceChildren(...beat.map(l => row(l.name, [l.loss])));
	at("lines").textContent = beat.length ? "Dashed: tuned baselines, on the problems that are measured on at the end; validation is on others of the same kind."
		: "The tuned baselines to beat are measured when learning is over.";
}

// ---- events

// chosen is whether somebody has said which scale they want; until then it is the one that shows more.
let chosen = false;

function choose() {
	const all = known.validations.flatMap(v => [v.valid_loss, v.train_loss]).filter(x => x !== null).concat(lines().map(l => l.loss));
	if (!chosen && all.length > 0) at("log").checked = logarithmic(all);
}

let stale = { run: true, validations: true };

function take(u, everything) {
	if (everything) {
		known.points = []; known.validations = []; known.weights = []; known.inner = {}; known.helpers = null;
		stale.run = stale.validations = true;
	}
	if (u.run) { known.run = Object.assign({ settings: [], lines: [] }, u.run); stale.run = true; }
	if (!known.run.settings) known.run.settings = [];
	known.status = u.status;
	known.points.push(...(u.points || []));
	known.weights.push(...(u.weights || []));
	Object.assign(known.inner, u.inner);
	if (u.helpers) known.helpers = u.helpers;
	if (u.validations) {
		known.validations.push(...u.validations);
		stale.validations = true;
		const v = u.validations[u.validations.length - 1];
		if (!everything) at("say").textContent = "Validation after " + whole(v.episodes) + " episodes: " + short(v.valid_loss) + (v.best ? ", the best so far" : "");
	}
}

function show() {
	if (stale.run) about();
	tiles();
	if (stale.validations) at("rows").replaceChildren(...known.validations.map(validation).reverse());
	stale = {};
	choose();
	drawLosses();
	drawNorm();
	drawWeights();
	drawInner();
	drawStrides();
	helpers();
	document.body.dataset.ready = String(known.validations.length);
}

at("log").addEventListener("change", () => { chosen = true; drawLosses(); });
at("pick").addEventListener("input", drawWeights);
for (const id of ["loss", "norm", "weights", "inner", "strides"]) watch(id);
begin({
	take, show,
	crowded: () => known.points.length > 1800 || known.validations.length > 1800, // the server's history is thinned out
	ended: () => (known.status.state === "done" ? "the run has ended" : ""),
});
