"use strict";
// Zoom and read-out. The page is complete without it.
(() => {
  const LEFT = 190, RIGHT = 1180, WIDTH = RIGHT - LEFT;
  const data = JSON.parse(document.getElementById("data").textContent);
  const charts = [...document.querySelectorAll("svg.chart")];
  const readout = document.getElementById("readout");
  if (!data || !charts.length) return;
  document.documentElement.classList.add("scripted");
  const SVG = "http:" + "//www.w3.org/2000/svg";
  const make = (name, attributes, parent) => {
    const element = document.createElementNS(SVG, name);
    for (const key in attributes) element.setAttribute(key, attributes[key]);
    parent.append(element);
    return element;
  };
  // What is shown, as parts of the whole axis.
  let from = 0, to = 1, cursor = null;
  const place = (x) => LEFT + ((x - LEFT) / WIDTH - from) / (to - from) * WIDTH;
  const fixed = (value, step) => value.toFixed(Math.min(6, Math.max(0, -Math.floor(Math.log10(step)))));

  const axis = (group) => {
    group.replaceChildren();
    const span = (to - from) * data.seconds, rough = span / 10, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough * 0.999999);
    const top = group.dataset.top, bottom = +group.dataset.bottom;
    for (let i = Math.ceil(from * data.seconds / step); i * step <= to * data.seconds + 1e-9; i++) {
      const x = place(LEFT + i * step / data.seconds * WIDTH);
      make("line", { class: "grid", x1: x, x2: x, y1: top, y2: bottom }, group);
      make("text", { class: "tick", x, y: bottom + 15, "text-anchor": "middle" }, group).textContent =
        fixed(i * step, step) + " s";
    }
  };

  const draw = () => {
    const k = 1 / (to - from), move = LEFT - k * (LEFT + from * WIDTH);
    for (const group of document.querySelectorAll("svg.chart .zx")) {
      group.setAttribute("transform", `matrix(${k} 0 0 1 ${move} 0)`);
    }
    for (const group of document.querySelectorAll("svg.chart .at")) {
      let x = place(+group.dataset.x);
      // A label stays in sight as long as what it names is.
      if (group.dataset.x2 && x < LEFT && place(+group.dataset.x2) > LEFT) x = LEFT;
      group.setAttribute("transform", `translate(${x + +group.dataset.dx} ${group.dataset.y})`);
    }
    document.querySelectorAll("svg.chart .axis").forEach(axis);
    show();
  };

  const zoom = (begin, end) => {
    const least = 4 / data.latency.length;
    if (end - begin < least) {
      const middle = (begin + end) / 2;
      begin = middle - least / 2;
      end = middle + least / 2;
    }
    const length = Math.min(1, end - begin);
    from = Math.min(Math.max(0, begin), 1 - length);
    to = from + length;
    draw();
  };

  const time = (ms) => ms >= 1000 ? (ms / 1000).toFixed(2) + " s" : ms >= 1 ? ms.toFixed(1) + " ms" : (ms * 1000).toFixed(0) + " µs";
  const show = () => {
    for (const line of document.querySelectorAll(".cursor")) line.remove();
    if (cursor === null) {
      readout.textContent = "";
      return;
    }
    const bins = data.latency.length, bin = Math.min(bins - 1, Math.max(0, Math.floor(cursor * bins)));
    const parts = [`at ${(cursor * data.seconds).toFixed(1)} s`];
    for (const one of data.devices) {
      if (one.counts[bin]) parts.push(`${one.name} ${Math.round(one.counts[bin] / data.real_seconds)} answers/s`);
    }
    for (const one of data.flight) {
      if (one.values[bin] >= 0.05) parts.push(`${one.name} ${one.values[bin].toFixed(1)} in flight`);
    }
    for (const one of data.lag_keys) if (one.values[bin]) parts.push(`${one.name} lacks ${one.values[bin]} keys`);
    for (const one of data.errors) if (one.counts[bin]) parts.push(`${one.counts[bin]} × ${one.name}`);
    const latency = data.latency[bin];
    const beside = data.control && data.control.latency[bin];
    parts.push(latency ? `p50 ${time(latency.p50)}, p99 ${time(latency.p99)}, max ${time(latency.max)}` : "no calls");
    if (beside) parts.push(`control p50 ${time(beside.p50)}, p99 ${time(beside.p99)}`);
    readout.textContent = parts.join(" · ");
    const x = place(LEFT + cursor * WIDTH);
    if (x < LEFT || x > RIGHT) return;
    for (const svg of charts) {
      make("line", { class: "cursor", x1: x, x2: x, y1: svg.dataset.top, y2: svg.dataset.bottom }, svg);
    }
  };

  const part = (svg, event) => {
    const box = svg.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width * 1200;
    return Math.min(1, Math.max(0, from + (x - LEFT) / WIDTH * (to - from)));
  };

  for (const svg of charts) {
    svg.setAttribute("tabindex", "0");
    let begin = null, choice = null;
    svg.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || event.pointerType === "touch") return;
      begin = part(svg, event);
      svg.setPointerCapture(event.pointerId);
    });
    svg.addEventListener("pointermove", (event) => {
      cursor = part(svg, event);
      show();
      if (begin === null) return;
      choice ??= make("rect", { class: "choice", y: svg.dataset.top, height: svg.dataset.bottom - svg.dataset.top }, svg);
      const ends = [begin, cursor].map((at) => place(LEFT + at * WIDTH)).sort((a, b) => a - b);
      choice.setAttribute("x", ends[0]);
      choice.setAttribute("width", ends[1] - ends[0]);
    });
    const end = (event) => {
      const until = part(svg, event), first = begin;
      begin = null;
      choice?.remove();
      choice = null;
      if (event.type === "pointerup" && first !== null && Math.abs(until - first) > 0.01 * (to - from)) {
        zoom(Math.min(first, until), Math.max(first, until));
      }
    };
    svg.addEventListener("pointerup", end);
    svg.addEventListener("pointercancel", end);
    svg.addEventListener("pointerleave", () => {
      if (begin !== null) return;
      cursor = null;
      show();
    });
    svg.addEventListener("dblclick", () => zoom(0, 1));
    svg.addEventListener("keydown", (event) => {
      const bins = data.latency.length, length = to - from;
      const middle = cursor === null ? (from + to) / 2 : Math.min(to, Math.max(from, cursor));
      const around = (factor) => zoom(middle - (middle - from) * factor, middle + (to - middle) * factor);
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "+" || event.key === "=") around(0.5);
      else if (event.key === "-" || event.key === "_") around(2);
      else if (event.key === "0") zoom(0, 1);
      else if (event.key === "Escape") {
        cursor = null;
        show();
      } else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
        const sign = event.key === "ArrowLeft" ? -1 : 1;
        const next = middle + sign / bins * (event.shiftKey ? 10 : 1);
        cursor = Math.min(1 - 0.5 / bins, Math.max(0.5 / bins, next));
        if (cursor < from || cursor > to) zoom(from + sign * length / 2, to + sign * length / 2);
        else show();
      } else return;
      event.preventDefault();
    });
  }
  // On paper everything is shown.
  addEventListener("beforeprint", () => {
    cursor = null;
    zoom(0, 1);
    for (const details of document.querySelectorAll("details")) details.open = true;
  });
})();
