"use strict";

// What is known of the run: the server's snapshot, and the updates since.
const known = { run: { title: "", dir: "", settings: [], lines: [] }, status: {}, points: [], validations: [], weights: [] };
const at = id => document.getElementById(id);

// ---- numbers as text

function short(x) {
	if (x === null || x === undefined) return "–";
	const a = Math.abs(x);
	return a !== 0 && (a < 1e-3 || a >= 1e6) ? x.toExponential(3) : String(Number(x.toPrecision(5)));
}

const whole = n => (n === undefined || n === null ? "–" : n.toLocaleString("en"));
const rate = x => (x >= 100 ? whole(Math.round(x)) : String(Number((x || 0).toPrecision(3))));

function span(seconds) {
	if (seconds === undefined || seconds < 0) return "–";
	const s = Math.round(seconds), h = Math.floor(s / 3600), m = Math.floor(s / 60) % 60;
	if (h > 0) return h + " h " + m + " min";
	return m > 0 ? m + " min " + (s % 60) + " s" : s + " s";
}

function element(name, text, parent) {
	const e = document.createElement(name);
	if (text !== undefined) e.textContent = text;
	if (parent) parent.append(e);
	return e;
}

// exact is a number as text that also has all of its digits.
function exact(x, parent) {
	const e = element("data", short(x), parent);
	e.value = x === null || x === undefined ? "" : String(x);
	e.title = e.value;
	return e;
}

// ---- charts

const shape = matchMedia("(prefers-color-scheme: dark)");
const colour = name => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
// Of Okabe and Ito's palette, those that can be seen on both grounds; dashes tell them apart as well.
const cycle = ["#d55e00", "#009e73", "#cc79a7", "#8c8c8c", "#a6761d", "#8878c3"];
const dashes = [[8, 4], [2, 3], [10, 3, 2, 3], [5, 5], [14, 4], [3, 6]];
const charts = {};

const axis = (more) => Object.assign({
	stroke: colour("soft"), grid: { stroke: colour("grid"), width: 1 }, ticks: { stroke: colour("rule"), width: 1 }, font: "12px system-ui, sans-serif",
}, more);
// decades is the range of a logarithmic scale: from a round number to another.
function decades(u, low, high) {
	if (!(low > 0) || !(high > 0)) return [0.1, 1];
	const round = (x, f) => { const d = Math.pow(10, Math.floor(Math.log10(x))); return Number((f(Number((x / d).toPrecision(6))) * d).toPrecision(3)); };
	const a = round(low, Math.floor), b = round(high, Math.ceil);
	return a < b ? [a, b] : [round(a / 1.01, Math.floor), round(b * 1.01, Math.ceil)];
}
const number = (u, v) => short(v);

// draw shows columns of numbers, and makes the chart anew only where its form has changed.
function draw(id, form, columns, options) {
	const box = at(id), old = charts[id];
	form = JSON.stringify([form, shape.matches]);
	if (old && old.form === form) {
		old.plot.setData(columns);
		return;
	}
	if (old) old.plot.destroy();
	const plot = new uPlot(Object.assign({
		width: box.clientWidth, height: height(box), cursor: { drag: { x: false, y: false }, points: { size: 7 } },
	}, options()), columns, box);
	charts[id] = { plot, form };
}

const height = box => (box.id === "loss" ? Math.round(Math.min(360, Math.max(230, box.clientWidth * .4))) : 220);

function watch(id) {
	const box = at(id);
	new ResizeObserver(() => {
		const c = charts[id];
		if (c && c.plot.width !== box.clientWidth) c.plot.setSize({ width: box.clientWidth, height: height(box) });
	}).observe(box);
	box.addEventListener("keydown", e => {
		const move = { ArrowLeft: -1, ArrowRight: 1 }[e.key], c = charts[id];
		if (!c || (!move && e.key !== "Home" && e.key !== "End")) return;
		e.preventDefault();
		const x = c.plot.data[0], now = c.plot.cursor.idx;
		let i = e.key === "Home" ? 0 : e.key === "End" || now === null || now === undefined ? x.length - 1 : now + move;
		i = Math.max(0, Math.min(x.length - 1, i));
		c.plot.setCursor({ left: c.plot.valToPos(x[i], "x"), top: 10 });
	});
}

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

function drawLosses() {
	const log = at("log").checked, beat = lines();
	const few = known.validations.length < 60;
	draw("loss", ["loss", log, few, beat], losses(), () => ({
		scales: { x: { time: false }, y: log ? { distr: 3, range: decades } : {} },
		legend: { markers: { width: 2, dash: (u, i) => (i > 2 ? "dashed" : "solid") } },
		axes: [axis({}), axis({ size: 64, values: (u, ys) => ys.map(y => (y === null ? "" : short(y))) })],
		series: [
			{ label: "episode", value: (u, v) => whole(v) },
			{ label: "training", stroke: colour("orange"), width: 1.25, spanGaps: true, value: number, points: { show: false } },
			{ label: "validation", stroke: colour("blue"), width: 2.5, spanGaps: true, value: number, points: { show: few, size: 6, fill: colour("blue") } },
			...beat.map((l, i) => ({ label: l.name, stroke: cycle[i % cycle.length], width: 1.5, dash: dashes[i % dashes.length], value: number, points: { show: false } })),
		],
	}));
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
	draw("norm", ["norm", top], columns, () => ({
		scales: { x: { time: false }, y: { distr: 3, range: decades } },
		legend: { markers: { width: 2, dash: (u, i) => (i > 1 ? "dashed" : "solid") } },
		axes: [axis({}), axis({ size: 64, values: (u, ys) => ys.map(y => (y === null ? "" : short(y))) })],
		series: [
			{ label: "episode", value: (u, v) => whole(v) },
			{ label: "longest", stroke: colour("blue"), width: 1.5, value: number, points: { show: false } },
			...(top > 0 ? [{ label: "clipped above", stroke: colour("red"), width: 1.5, dash: [8, 4], value: number, points: { show: false } }] : []),
		],
	}));
}

function drawWeights() {
	const list = known.weights, pick = at("pick");
	at("s-weights").hidden = list.length === 0;
	if (list.length === 0) return;
	const last = pick.value === pick.max;
	pick.max = list.length - 1;
	if (last) pick.value = pick.max;
	at("slide").hidden = list.length < 2;
	const w = list[Number(pick.value)], wide = (w.high - w.low) / w.counts.length;
	const when = "after " + whole(w.episodes) + " episodes";
	pick.setAttribute("aria-valuetext", when);
	at("when").textContent = when + (w.odd ? "; " + whole(w.odd) + " not finite" : "");
	draw("weights", "weights", [w.counts.map((_, i) => w.low + (i + .5) * wide), w.counts], () => ({
		scales: { x: { time: false, range: (u, low, high) => { const d = (high - low) / 70; return [low - d, high + d]; } }, y: { range: (u, low, high) => [0, Math.max(1, high * 1.05)] } },
		axes: [axis({}), axis({ size: 64 })],
		series: [
			{ label: "weight", value: number },
			{ label: "how many", stroke: colour("blue"), fill: colour("blue") + "80", width: 1, value: (u, v) => whole(v), paths: uPlot.paths.bars({ size: [1, 100] }), points: { show: false } },
		],
	}));
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
	at("tiles").replaceChildren(...list.map(([name, text]) => {
		const d = element("div");
		element("dt", name, d);
		element("dd", text, d);
		return d;
	}));
	at("state").textContent = st.state || "waiting";
	at("state").className = "badge" + (st.state === "done" || st.state === "learning" ? " good" : st.state === "stopped" ? " bad" : "");
	at("progress").value = st.fraction || 0;
	at("progress").hidden = !(st.elapsed > 0);
}

function row(v) {
	const r = element("tr");
	if (v.best) r.className = "best";
	const head = element("th", undefined, r);
	head.scope = "row";
	exact(v.episodes, head).textContent = whole(v.episodes);
	for (const x of [v.valid_loss, v.best_loss, v.train_loss]) exact(x, element("td", undefined, r));
	exact(v.outer_steps, element("td", undefined, r)).textContent = whole(v.outer_steps);
	element("td", whole(v.skipped), r);
	element("td", whole(v.diverged), r);
	return r;
}

function about() {
	const run = known.run;
	at("title").textContent = run.title || "metatrain";
	at("dir").textContent = run.dir;
	document.title = (run.title || "metatrain");
	at("settings").replaceChildren(...(run.settings || []).flatMap(s => [element("dt", s.name), element("dd", s.value)]));
	const beat = lines();
	at("s-beat").hidden = beat.length === 0;
	at("beat").replaceChildren(...beat.map(l => {
		const r = element("tr");
		element("th", l.name, r).scope = "row";
		exact(l.loss, element("td", undefined, r));
		return r;
	}));
	at("lines").textContent = beat.length ? "Dashed: tuned baselines, on the problems that are measured on at the end; validation is on others of the same kind."
		: "The tuned baselines to beat are measured when learning is over.";
}

// ---- events

// chosen is whether somebody has said which scale they want; until then it is the one that shows more.
let chosen = false;

function choose() {
	const all = known.validations.flatMap(v => [v.valid_loss, v.train_loss]).filter(x => x !== null).concat(lines().map(l => l.loss));
	if (!chosen && all.length > 0) at("log").checked = Math.min(...all) > 0 && Math.max(...all) > 4 * Math.min(...all);
}

let stale = { run: true, validations: true }, drawn = false;

function take(u, everything) {
	if (everything) {
		known.points = []; known.validations = []; known.weights = [];
		stale.run = stale.validations = true;
	}
	if (u.run) { known.run = Object.assign({ settings: [], lines: [] }, u.run); stale.run = true; }
	if (!known.run.settings) known.run.settings = [];
	known.status = u.status;
	known.points.push(...(u.points || []));
	known.weights.push(...(u.weights || []));
	if (u.validations) {
		known.validations.push(...u.validations);
		stale.validations = true;
		const v = u.validations[u.validations.length - 1];
		if (!everything) at("say").textContent = "Validation after " + whole(v.episodes) + " episodes: " + short(v.valid_loss) + (v.best ? ", the best so far" : "");
	}
	if (!drawn) { drawn = true; requestAnimationFrame(show); }
}

function show() {
	drawn = false;
	if (stale.run) about();
	tiles();
	if (stale.validations) at("rows").replaceChildren(...known.validations.map(row).reverse());
	stale = {};
	choose();
	drawLosses();
	drawNorm();
	drawWeights();
	document.body.dataset.ready = String(known.validations.length);
}

let source, last = "", heard = Date.now(), wait = 1000;

function tell(text, kind) {
	at("link").textContent = text;
	at("link").className = "badge " + kind;
}

function connect() {
	if (source) source.close();
	heard = Date.now();
	source = new EventSource("events" + (last ? "?last=" + encodeURIComponent(last) : ""));
	const on = (name, f) => source.addEventListener(name, e => {
		heard = Date.now();
		wait = 1000;
		last = e.lastEventId;
		tell("connected", "good");
		f(e);
	});
	on("snapshot", e => take(JSON.parse(e.data), true));
	on("update", e => take(JSON.parse(e.data), false));
	on("beat", () => {});
	source.onopen = () => { heard = Date.now(); tell("connected", "good"); };
	source.onerror = () => {
		tell(known.status.state === "done" ? "the run has ended" : "no connection, trying again", known.status.state === "done" ? "" : "bad");
		if (source.readyState === EventSource.CLOSED) { // the browser has given up
			setTimeout(connect, wait);
			wait = Math.min(2 * wait, 30000);
		}
	};
}

// A connection may be dead without a word, after a sleep for instance. The server gives a sign of life every 15 s.
function check() {
	if (known.points.length > 1800 || known.validations.length > 1800) { last = ""; connect(); } // the server's history is thinned out
	else if (Date.now() - heard > 40000 && source.readyState !== EventSource.CLOSED) connect();
}
setInterval(check, 5000);
for (const name of ["online", "pageshow", "visibilitychange"]) window.addEventListener(name, () => { if (!document.hidden) check(); });

at("log").addEventListener("change", () => { chosen = true; drawLosses(); });
at("pick").addEventListener("input", drawWeights);
shape.addEventListener("change", show);
for (const id of ["loss", "norm", "weights"]) watch(id);
connect();
