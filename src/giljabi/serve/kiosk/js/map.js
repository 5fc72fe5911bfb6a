/** The venue drawn as vectors: its ways, its places, a way to go, and where this kiosk stands. */

/** @import {Drawn, Kiosk, Lang, Position, Spot} from "./types" */

import { byId } from "./dom.js";
import { inLang, WORDS } from "./lang/words.js";
import { arrangeLabels } from "./map_labels.js";
import { mark } from "./map_marks.js";

const TOUCH_PIXELS = 32;
const CLOSEST_ZOOM = 18;

/** The map in #map. Everything in it is for the eye: lists beside it say the same. */
export class VenueMap {
  /**
   * @param {HTMLElement} element
   * @param {Kiosk} kiosk
   * @param {(place: string) => void} onPlace
   */
  constructor(element, kiosk, onPlace) {
    this.kiosk = kiosk;
    this.spots = new Map(kiosk.places.map((spot) => [spot.id, spot]));
    /** @type {Lang} */
    this.lang = "ko";
    /** @type {Drawn | null} */
    this.drawn = null;
    /** @type {string | null} */
    this.place = null;
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.map = L.map(element, {
      crs: kiosk.map.schematic ? L.CRS.Simple : L.CRS.EPSG3857,
      zoomControl: false,
      attributionControl: false,
      zoomSnap: 0.25,
      minZoom: -4,
      maxZoom: kiosk.map.schematic ? 5 : 20,
      zoomAnimation: !still,
      fadeAnimation: !still,
      inertia: !still,
    });
    this.layer = L.layerGroup().addTo(this.map);
    this.labels = L.layerGroup().addTo(this.map);
    this.fit();
    this._drawGround();
    this.map.on("zoomend moveend resize", () => this._label());
    this.map.on("click", (event) => {
      const nearest = this._nearest(event.containerPoint);
      if (nearest !== null) onPlace(nearest);
    });
    for (const pane of Object.values(this.map.getPanes())) pane.setAttribute("aria-hidden", "true");
  }

  /** @param {Lang} lang */
  speak(lang) {
    this.lang = lang;
    this._redraw();
  }

  /**
   * Show a way, a place, or with neither the whole venue.
   * @param {{way?: Drawn | null, place?: string | null}} [what]
   */
  show({ way = null, place = null } = {}) {
    this.drawn = way;
    this.place = place;
    this._redraw();
    this.fit();
  }

  /** Bring what is shown into view. */
  fit() {
    this.map.invalidateSize({ animate: false });
    const shown = this._shown();
    if (shown.length === 0) {
      this.map.setView([0, 0], 1, { animate: false });
      return;
    }
    const bounds = L.latLngBounds(shown.map(flip));
    const most = this.kiosk.map.schematic ? 3 : CLOSEST_ZOOM;
    const { x, y } = this.map.getSize();
    // Room for the pin above the goal, the names below the marks, and the buttons over the map.
    const box = this.map.getContainer();
    const em = parseFloat(getComputedStyle(box).fontSize);
    const half = Math.max(0, ...[...box.querySelectorAll("b")].map((name) => name.offsetWidth)) / 2 + 8;
    const tools = byId("map-tools").getBoundingClientRect();
    const frame = box.getBoundingClientRect();
    const over = tools.top < frame.bottom;
    const above = over && tools.width > tools.height ? tools.bottom - frame.top : 0;
    const beside = over && above === 0 ? tools.width + 8 : 0;
    this.map.fitBounds(bounds, {
      paddingTopLeft: [Math.min(half, x / 3), Math.min(3.6 * em + above, 0.62 * y)],
      paddingBottomRight: [Math.min(half + beside, x / 2.5), Math.min(4.4 * em, y / 3.6)],
      maxZoom: most,
      animate: false,
    });
  }

  /** @param {number} steps */
  zoom(steps) {
    this.map.setZoom(this.map.getZoom() + steps);
  }

  /** What the legend has to explain. */
  signs() {
    const ways = this.kiosk.map.ways;
    const guesses = this.drawn === null ? [] : this._stretches(this.drawn).map((s) => s.guessed);
    return {
      here: this.kiosk.here in this.kiosk.map.points,
      sure: guesses.includes(false) || (this.drawn === null && ways.some((w) => !w.estimated)),
      guessed: guesses.includes(true),
      near: this.drawn === null && ways.some((w) => w.estimated),
      schematic: this.kiosk.map.schematic,
    };
  }

  /** @returns {Position[]} */
  _shown() {
    const { points, schematic } = this.kiosk.map;
    if (this.drawn !== null) {
      const line = this._stretches(this.drawn).flatMap((s) => s.line);
      if (line.length > 0) return line;
    }
    const here = points[this.kiosk.here];
    if (this.place !== null && points[this.place]) {
      return here && !schematic ? [points[this.place], here] : [points[this.place], ...Object.values(points)];
    }
    const own = this.kiosk.places[0]?.area;
    const near = this.kiosk.places.filter((spot) => spot.area === own && points[spot.id]);
    return [...near.map((spot) => points[spot.id]), ...(here ? [here] : [])];
  }

  _drawGround() {
    const { tiles } = this.kiosk.options;
    if (tiles !== null && !this.kiosk.map.schematic) L.tileLayer(tiles.url).addTo(this.map);
    for (const { kind, estimated, lines } of this.kiosk.map.ways) {
      const style = estimated
        ? { className: "ground guessed", weight: 1.5, dashArray: "1 6" }
        : kind === "stairs" || kind === "escalator"
          ? { className: "ground stairs", weight: 5, dashArray: "3 4" }
          : { className: "ground", weight: 5 };
      const drawn = lines.map((line) => line.map(flip));
      L.polyline(drawn, { ...style, interactive: false, lineCap: "round" }).addTo(this.map);
    }
    for (const [id, at] of Object.entries(this.kiosk.map.points)) {
      const spot = this.spots.get(id);
      if (spot === undefined) continue;
      const own = spot.area === this.kiosk.places[0].area;
      L.circleMarker(flip(at), {
        className: own ? "spot" : "spot far", radius: own ? 6 : 4, interactive: false,
      }).addTo(this.map);
    }
  }

  _redraw() {
    this.layer.clearLayers();
    const { points } = this.kiosk.map;
    if (this.drawn !== null) this._drawWay(this.drawn);
    const words = WORDS[this.lang];
    const here = points[this.kiosk.here];
    if (here) mark("here", words.here).at(flip(here)).addTo(this.layer);
    if (this.place !== null && points[this.place]) {
      const spot = this.spots.get(this.place);
      mark("goal", spot ? inLang(spot.name, this.lang) : "").at(flip(points[this.place])).addTo(this.layer);
    }
    for (const storey of this.kiosk.map.storeys) {
      const left = Math.min(...Object.values(points).map(([x]) => x)) - 30;
      mark("storey", words.storey(storey.level)).at([storey.y, left]).addTo(this.layer);
    }
    this._label();
  }

  /** @param {Drawn} drawn */
  _drawWay(drawn) {
    const { points } = this.kiosk.map;
    const stretches = this._stretches(drawn);
    for (const { line } of stretches)
      L.polyline(line.map(flip), { className: "casing", weight: 13, interactive: false }).addTo(this.layer);
    for (const { line, guessed } of stretches)
      L.polyline(line.map(flip), {
        className: guessed ? "way guessed" : "way", weight: 7, interactive: false,
        dashArray: guessed ? "1 13" : undefined,
      }).addTo(this.layer);
    drawn.steps.forEach((place, n) => {
      if (place !== null && points[place]) mark("step", String(n + 1)).at(flip(points[place])).addTo(this.layer);
    });
    const end = drawn.stops.at(-1);
    const spot = end === undefined ? undefined : this.spots.get(end);
    const last = stretches.at(-1)?.line.at(-1) ?? (end === undefined ? undefined : points[end]);
    if (last && spot) mark("goal", inLang(spot.name, this.lang)).at(flip(last)).addTo(this.layer);
    const first = stretches[0]?.line[0];
    if (first && drawn.stops[0] !== this.kiosk.here && drawn.steps[0] !== drawn.stops[0])
      mark("start", WORDS[this.lang].legend.start).at(flip(first)).addTo(this.layer);
  }

  /**
   * The way as runs that are all recorded or all estimated.
   * @param {Drawn} drawn
   * @returns {{line: Position[], guessed: boolean}[]}
   */
  _stretches({ line, guessed, stops, estimated }) {
    const { points, schematic } = this.kiosk.map;
    const positions = schematic ? stops.map((id) => points[id]).filter(Boolean) : (line ?? []);
    /** @type {{line: Position[], guessed: boolean}[]} */
    const runs = [];
    for (let i = 1; i < positions.length; i++) {
      const guess = schematic ? estimated : (guessed[i - 1] ?? estimated);
      const last = runs.at(-1);
      if (last !== undefined && last.guessed === guess) last.line.push(positions[i]);
      else runs.push({ line: [positions[i - 1], positions[i]], guessed: guess });
    }
    return runs;
  }

  _label() {
    const stops = this.drawn?.stops ?? [];
    const named = new Set([this.kiosk.here, this.place, stops.at(-1)]);
    const rank = new Map([...stops, ...this.kiosk.frequent].map((id, n) => [id, n]));
    const spots = /** @type {Spot[]} */ (this.kiosk.places)
      .filter((spot) => this.kiosk.map.points[spot.id] && !named.has(spot.id))
      .sort((a, b) => (rank.get(a.id) ?? 999) - (rank.get(b.id) ?? 999));
    const wanted = spots.map((spot) => ({
      text: inLang(spot.name, this.lang),
      at: flip(this.kiosk.map.points[spot.id]),
      strong: stops.includes(spot.id),
    }));
    arrangeLabels(this.map, this.labels, wanted, this.layer);
  }

  /** @param {import("leaflet").Point} touched */
  _nearest(touched) {
    let best = null;
    let least = TOUCH_PIXELS;
    for (const [id, at] of Object.entries(this.kiosk.map.points)) {
      const distance = this.map.latLngToContainerPoint(flip(at)).distanceTo(touched);
      if (distance < least) [best, least] = [id, distance];
    }
    return best;
  }
}

/**
 * Leaflet counts (y, x).
 * @param {Position} position
 * @returns {[number, number]}
 */
function flip([x, y]) {
  return [y, x];
}
