/** What the server tells the page, as kiosk_shapes.py, shapes.py and venue_shapes.py give it. */

export type Lang = "ko" | "en";
export type Position = [number, number];

export interface Text {
  ko: string;
  en: string | null;
}

export interface Spot {
  id: string;
  name: Text;
  kind: Text;
  code: string | null;
  area: string;
  topics: Topic[];
}

export type Topic =
  | "route" | "where" | "floors" | "features" | "nearby" | "hours" | "phone" | "fee" | "website";

export interface Category {
  name: Text;
  places: string[];
}

export interface Ways {
  kind: string;
  estimated: boolean;
  lines: [Position, Position][];
}

export interface Storey {
  level: number;
  y: number;
}

export interface Drawing {
  schematic: boolean;
  points: Record<string, Position>;
  ways: Ways[];
  storeys: Storey[];
}

export interface Kiosk {
  version: string;
  id: string;
  hash: string;
  name: Text;
  languages: Lang[];
  here: string;
  areas: Record<string, Text>;
  sources: Record<string, string>;
  frequent: string[];
  categories: Category[];
  places: Spot[];
  map: Drawing;
  options: {
    idle_s: number;
    voice: boolean;
    qr: boolean;
    print: boolean;
    tiles: { url: string; attribution: string } | null;
  };
}

export interface Fact {
  id: string;
  kind: string;
  subject: string;
  value: string | number;
  unit: string;
  object: string;
  estimated: boolean;
  source: string;
}

export type Outcome =
  | "found" | "ambiguous" | "no_such_place" | "no_way" | "not_in_data" | "outside" | "greeting";

export interface Answer {
  result: string;
  conversation: string;
  lang: Lang;
  outcome: Outcome;
  written_by: "model" | "template" | "mixed" | "refusal";
  slot: string;
  places: string[];
  facts: Fact[];
  line: Position[] | null;
  guessed: boolean[];
  stops: string[];
  minutes: number | null;
  reasoning: string;
  passages: Passage[];
}

export interface Passage {
  id: string;
  source: string;
  titles: string[];
  text: string;
  page: number | null;
  date: string;
}

export interface Step {
  text: string;
  place: string | null;
  estimated: boolean;
  source: string;
}

export interface Way {
  text: string;
  minutes: number | null;
  estimated: boolean;
  guessed: boolean[];
  stops: string[];
  steps: Step[];
  line: Position[] | null;
}

/** A way to draw: its line where the data has coordinates, and the places it passes. */
export interface Drawn {
  line: Position[] | null;
  guessed: boolean[];
  stops: string[];
  /** The place each step begins at, where it is known. */
  steps: (string | null)[];
  estimated: boolean;
}

/** An error the server explained. */
export interface Refusal {
  error: { message: string; type: string; code: string };
  outcome?: Outcome;
  places?: string[];
}
