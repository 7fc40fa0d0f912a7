import type { components } from "./schema";

type Schemas = components["schemas"];

export type Me = Schemas["Me"];
export type Painter = Schemas["PainterOut"];
export type Condition = Schemas["ConditionOut"];
export type Job = Schemas["JobOut"];
export type Jobs = Schemas["Jobs"];
export type Wish = Schemas["WishIn"];
export type Painting = Schemas["PaintingOut"];
export type Paintings = Schemas["Paintings"];
export type Board = Schemas["BoardOut"];
export type Picture = Schemas["PictureOut"];
export type Palette = Schemas["PaletteOut"];
export type User = Schemas["UserOut"];
export type Key = Schemas["KeyOut"];
export type Example = Schemas["Example"];
export type Role = "viewer" | "maker" | "admin";
