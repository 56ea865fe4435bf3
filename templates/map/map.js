"use strict";
// Works on what the page holds and asks nobody else. Text is only ever set as text.
(() => {
  const tip = document.getElementById("tip");
  let shown = null;

  const numbers = (set) => set.split(",").filter(Boolean).flatMap((part) => {
    const [low, high] = part.split("-").map(Number);
    return Array.from({ length: (high ?? low) - low + 1 }, (_, step) => low + step);
  });

  const show = (cpu) => {
    shown = cpu;
    tip.replaceChildren(...cpu.getAttribute("aria-label").split("\n").map((line) => {
      const row = document.createElement("div");
      row.textContent = line;
      return row;
    }));
    tip.hidden = false;
    // beside the whole core, so that the siblings stay in sight
    const at = (cpu.closest(".core") ?? cpu).getBoundingClientRect();
    const room = document.documentElement.clientWidth - tip.offsetWidth - 8;
    const below = at.bottom + 8;
    const fits = below + tip.offsetHeight < window.innerHeight;
    tip.style.left = `${Math.max(8, Math.min(at.left, room))}px`;
    tip.style.top = `${fits ? below : Math.max(8, at.top - tip.offsetHeight - 8)}px`;
  };
  const hide = () => { tip.hidden = true; shown = null; };

  // The nearest CPU in a direction: across first, so that rows and siblings are followed.
  const neighbour = (cpus, from, dx, dy) => {
    const middle = (cpu) => {
      const at = cpu.getBoundingClientRect();
      return [at.left + at.width / 2, at.top + at.height / 2];
    };
    const [x, y] = middle(from);
    let best = null, least = Infinity;
    for (const cpu of cpus) {
      const [a, b] = middle(cpu);
      const along = (a - x) * dx + (b - y) * dy;
      const aside = Math.abs((a - x) * dy) + Math.abs((b - y) * dx);
      if (along > 2 && along + 4 * aside < least) { best = cpu; least = along + 4 * aside; }
    }
    return best;
  };
  const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

  for (const host of document.querySelectorAll(".host")) {
    const vms = JSON.parse(host.querySelector("script").textContent);
    const cpus = [...host.querySelectorAll("button.cpu")];
    const buttons = [...host.querySelectorAll("button.vm")];
    const detail = host.querySelector(".detail");
    const byId = new Map(cpus.map((cpu) => [Number(cpu.dataset.cpu), cpu]));
    const groups = [...host.querySelectorAll("[data-stop]")];
    const hint = [...detail.children];
    let picked = null;

    const mark = (set, role) => numbers(set).forEach((cpu) => byId.get(cpu)?.classList.add(role));

    const clear = () => {
      picked = null;
      host.classList.remove("picked");
      buttons.forEach((button) => button.setAttribute("aria-pressed", "false"));
      cpus.forEach((cpu) => {
        cpu.classList.remove("is-vcpu", "is-emulator", "is-iothread");
        cpu.lastElementChild.textContent = cpu.dataset.sign;
      });
      host.querySelectorAll(".is-memory").forEach((part) => part.classList.remove("is-memory"));
      host.querySelectorAll(".here").forEach((text) => { text.textContent = ""; });
      detail.replaceChildren(...hint);
    };

    const pick = (number) => {
      const again = picked === number;
      clear();
      if (again) return;
      picked = number;
      const vm = vms[number];
      host.classList.add("picked");
      buttons[number].setAttribute("aria-pressed", "true");
      for (const [vcpu, set] of vm.vcpus) {
        mark(set, "is-vcpu");
        const only = numbers(set);
        if (only.length === 1) byId.get(only[0]).lastElementChild.textContent = `v${vcpu}`;
      }
      mark(vm.held, "is-vcpu");
      mark(vm.emulator, "is-emulator");
      vm.iothreads.forEach((set) => mark(set, "is-iothread"));
      host.querySelectorAll(`.bar i[data-vm="${number}"]`).forEach((part) => part.classList.add("is-memory"));
      for (const node of numbers(vm.nodes)) {
        const here = host.querySelector(`.here[data-node="${node}"]`);
        if (here) here.textContent = `memory of ${vm.letter} here`;
      }
      detail.replaceChildren(...[vm.name, ...vm.summary].map((line) => {
        const row = document.createElement("div");
        row.textContent = line;
        return row;
      }));
    };

    // One tab stop for each node; arrow keys move inside and beyond.
    const stop = (cpu) => {
      const group = cpu.closest("[data-stop]");
      group.querySelectorAll("button.cpu").forEach((other) => { other.tabIndex = other === cpu ? 0 : -1; });
    };
    groups.forEach((group) => { const first = group.querySelector("button.cpu"); if (first) stop(first); });

    host.addEventListener("click", (event) => {
      const vm = event.target.closest("button.vm");
      const cpu = event.target.closest("button.cpu");
      if (vm) pick(buttons.indexOf(vm));
      else if (cpu?.dataset.vm) pick(Number(cpu.dataset.vm));
      else if (cpu) clear();
    });
    host.addEventListener("focusin", (event) => {
      const cpu = event.target.closest("button.cpu");
      if (cpu) { stop(cpu); show(cpu); }
    });
    host.addEventListener("focusout", hide);
    host.addEventListener("mouseover", (event) => {
      const cpu = event.target.closest("button.cpu");
      if (cpu) show(cpu);
    });
    host.addEventListener("mouseout", (event) => { if (event.target.closest("button.cpu")) hide(); });
    host.addEventListener("keydown", (event) => {
      const cpu = event.target.closest("button.cpu");
      if (event.key === "Escape") { hide(); clear(); return; }
      if (!cpu || event.ctrlKey || event.altKey || event.metaKey) return;
      const inside = [...cpu.closest("[data-stop]").querySelectorAll("button.cpu")];
      const ends = { Home: inside[0], End: inside[inside.length - 1] };
      const to = arrows[event.key] ? neighbour(cpus, cpu, ...arrows[event.key]) : ends[event.key];
      if (to) { event.preventDefault(); to.focus(); }
    });
  }
  addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
  // A focus that moves may scroll: the reason goes along.
  addEventListener("scroll", () => { if (shown) show(shown); }, { passive: true });
})();
