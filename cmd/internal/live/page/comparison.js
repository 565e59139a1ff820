// What is known of the comparison: the server's snapshot, with what has changed since put in its place.
const known = { contest: {}, status: {}, rows: [], tables: [], report: "" };

// problems are those that are compared on, in order, each with its rows.
function problems() {
	const all = new Map();
	for (const r of known.rows) {
		const name = r.problem || "";
		if (!all.has(name)) all.set(name, []);
		all.get(name).push(r);
	}
	return [...all];
}

// ---- curves

const colours = ["blue", "#d55e00", "#009e73", "#cc79a7", "#a6761d", "#8878c3", "#8c8c8c", "#56b4e9"];

// line is how an optimizer is drawn, the same on every chart: what was learned in broad lines, all but the first colours' turn dashed.
function line(r, i) {
	const c = colours[i % colours.length], turn = Math.floor(i / colours.length);
	return {
		label: r.name, stroke: c === "blue" ? colour(c) : c, width: r.kind === "learned" ? 2.75 : 1.75,
		dash: turn > 0 ? dashes[turn % dashes.length] : undefined,
	};
}

// chart makes the box of a problem's curves, where there is none yet.
function chart(id, name) {
	if (at(id)) return;
	const card = element("div", undefined, at("charts"));
	if (name) element("h3", name, card);
	const box = element("div", undefined, card);
	box.id = id;
	box.className = "chart" + (problems().length === 1 ? " tall" : "");
	box.tabIndex = 0;
	box.setAttribute("role", "img");
	box.setAttribute("aria-label", "Mean training loss" + (name ? " on " + name : "") + "; the table below has where it ends. Arrow keys move the cursor.");
	watch(id);
}

function drawCurves() {
	const log = at("log").checked, optimizers = [...new Set(known.rows.map(r => r.name))];
	at("charts").classList.toggle("pair", problems().length > 1);
	problems().forEach(([name, rows], p) => {
		const drawn = rows.filter(r => r.curve && r.curve.at.length > 0), id = "curves-" + p;
		if (drawn.length === 0) return;
		chart(id, name);
		const x = [...new Set(drawn.flatMap(r => r.curve.at))].sort((a, b) => a - b);
		const column = (r, list) => { const m = new Map(r.curve.at.map((t, i) => [t, list[i]])); return x.map(t => m.get(t)); };
		const means = drawn.map(r => column(r, r.curve.mean).map(y => (log && !(y > 0) ? null : y)));
		const errors = [null, ...drawn.map(r => (r.curve.error ? column(r, r.curve.error) : null))];
		curves(id, "curves", [x, ...means], log, known.contest.axis, optimizers.length, drawn.map(r => line(r, optimizers.indexOf(r.name))), errors);
	});
	at("none").hidden = at("charts").children.length > 0;
}

// ---- text

// now says what is at work, in a few words.
function now() {
	const r = known.rows.find(r => r.state === "tuning" || r.state === "measuring");
	if (known.status.state !== "measuring") return "–";
	if (!r) return known.status.next || "getting ready";
	return r.state === "tuning" ? "tuning " + of(r) : "measuring " + of(r);
}

const of = r => r.name + (r.problem ? " on " + r.problem : "");

function doing(r) {
	switch (r.state) {
	case "tuning": return r.settings ? "tuning, " + whole(r.tried || 0) + " of " + whole(r.settings) + " settings" : "tuning";
	case "measuring": return whole(r.runs) + " of " + whole(r.of) + " runs";
	}
	return r.state;
}

function tiles() {
	const st = known.status, done = known.rows.filter(r => r.state === "done").length;
	const runs = f => known.rows.reduce((n, r) => n + f(r), 0);
	const list = [["Now", now(), true], ["Done", Math.floor(100 * (st.fraction || 0)) + " %"]];
	list.push(["Results", whole(done) + " of " + whole(known.rows.length)], ["Runs", whole(runs(r => r.runs)) + " of " + whole(runs(r => r.of))]);
	list.push(["Time so far", span(st.elapsed)], ["Time left", st.state === "measuring" ? span(st.left) : "–"]);
	head(st.state, st.state === "done" || st.state === "measuring" ? "good" : st.state === "stopped" ? "bad" : "", st.fraction, list);
}

// columns are the names of what was measured of any row, in the order they come in.
const columns = () => [...new Set(known.rows.flatMap(r => (r.values || []).map(v => v.name)))];

// value is a cell: a mean with its standard error, or neither.
function value(v) {
	if (!v) return "";
	const cell = document.createDocumentFragment();
	if (v.mean === null) return v.bounded ? "–" : "diverged";
	exact(v.mean, cell);
	if (v.error !== null && v.error !== undefined) {
		cell.append(" ± ");
		exact(v.error, cell).textContent = short(Number(v.error.toPrecision(2)));
	}
	return cell;
}

function table() {
	const all = problems(), several = all.length > 1, named = columns(), words = ["Optimizer", "State", "Setting"];
	const heads = [...(several ? ["Problem"] : []), "Optimizer", "State", "Setting", ...named, "Diverged"];
	at("columns").replaceChildren(...heads.map(text => {
		const th = element("th", text.replace(/^[a-z]/, c => c.toUpperCase()));
		th.scope = "col";
		th.classList.toggle("text", words.includes(text));
		return th;
	}));
	at("rows").replaceChildren(...all.flatMap(([name, rows]) => {
		const first = r => (r.state === "done" && r.values && r.values[0].mean !== null ? r.values[0].mean : Infinity);
		const lowest = Math.min(...rows.map(first));
		return rows.map(r => {
			const title = r.name + (r.kind === "learned" ? " (learned)" : "");
			const cells = [doing(r), r.setting || "–", ...named.map(n => value((r.values || []).find(v => v.name === n))), r.runs > 0 ? whole(r.diverged) : ""];
			const tr = row(several ? name : title, several ? [title, ...cells] : cells);
			heads.forEach((text, i) => tr.children[i].classList.toggle("text", words.includes(text)));
			tr.classList.toggle("best", first(r) === lowest && lowest < Infinity);
			tr.classList.toggle("busy", r.state === "tuning" || r.state === "measuring");
			return tr;
		});
	}));
	at("notes").textContent = known.contest.note || "";
}

// totals are the tables that there are at the end.
function totals() {
	at("tables").replaceChildren(...known.tables.map((t, i) => {
		const s = element("section");
		element("h2", t.caption, s).id = "h-total" + i;
		s.setAttribute("aria-labelledby", "h-total" + i);
		const scroll = element("div", undefined, s), table = element("table", undefined, scroll);
		scroll.className = "scroll";
		scroll.tabIndex = 0;
		table.className = "words";
		const heads = element("tr", undefined, element("thead", undefined, table));
		for (const text of t.head) element("th", text, heads).scope = "col";
		element("tbody", undefined, table).append(...t.rows.map(r => row(r[0], r.slice(1))));
		return s;
	}));
}

function offer() {
	at("s-report").hidden = !known.report;
	if (!known.report || at("open").href) return;
	at("open").href = at("save").href = URL.createObjectURL(new Blob([known.report], { type: "text/html" }));
}

// ---- events

// chosen is whether somebody has said which scale they want; until then it is the one that shows more.
let chosen = false;

function choose() {
	const all = known.rows.flatMap(r => (r.curve ? r.curve.mean : [])).filter(y => y !== null);
	if (!chosen) at("log").checked = logarithmic(all);
}

function take(u, everything) {
	if (everything) { known.rows = []; known.tables = []; }
	if (u.contest) known.contest = u.contest;
	known.status = u.status;
	for (const { i, row } of u.rows || []) {
		if (!everything && row.state === "done" && row.values) {
			at("say").textContent = of(row) + " is done: " + row.values[0].name + " " + short(row.values[0].mean);
		}
		known.rows[i] = row;
	}
	if (u.tables) known.tables = u.tables;
	if (u.report) known.report = u.report;
}

function show() {
	const c = known.contest;
	titled(c.title || "compare", c.about || "", c.settings);
	at("h-table").textContent = known.status.state === "done" ? "Results" : "Results so far";
	at("axis").textContent = c.axis || "step";
	tiles();
	choose();
	drawCurves();
	table();
	totals();
	offer();
	document.body.dataset.ready = known.status.state;
}

at("log").addEventListener("change", () => { chosen = true; drawCurves(); });
begin({ take, show, crowded: () => false, ended: () => (known.report ? "the comparison has ended" : "") });
