// Tools whose arguments are short and bounded, so that a grammar can hold any model to them.
import assert from "node:assert/strict";

export const WEATHER = {
  type: "object",
  properties: {
    city: { type: "string", enum: ["Paris", "Oslo", "Rome"] },
    days: { type: "integer", minimum: 1, maximum: 9 },
  },
  required: ["city", "days"],
  additionalProperties: false,
};
export const LIGHT = {
  type: "object",
  properties: { on: { type: "boolean" } },
  required: ["on"],
  additionalProperties: false,
};
export const DESCRIPTIONS = {
  get_weather: "How the weather will be in a city.",
  set_light: "Switches the light on or off.",
};
const SCHEMAS = { get_weather: WEATHER, set_light: LIGHT };

export const openaiTools = Object.entries(SCHEMAS).map(([name, parameters]) => ({
  type: "function",
  function: { name, description: DESCRIPTIONS[name], parameters, strict: true },
}));

export const responsesTools = Object.entries(SCHEMAS).map(([name, parameters]) => ({
  type: "function", name, description: DESCRIPTIONS[name], parameters, strict: true,
}));

export const anthropicTools = Object.entries(SCHEMAS).map(([name, input_schema]) => ({
  name, description: DESCRIPTIONS[name], input_schema,
}));

// Fails unless these are arguments that the tool of this name can take.
export function assertArguments(name, value) {
  if (name === "get_weather") {
    assert.deepEqual(Object.keys(value).sort(), ["city", "days"]);
    assert.ok(WEATHER.properties.city.enum.includes(value.city), `city ${value.city}`);
    assert.ok(Number.isInteger(value.days) && value.days >= 1 && value.days <= 9);
    return;
  }
  assert.equal(name, "set_light");
  assert.deepEqual(Object.keys(value), ["on"]);
  assert.equal(typeof value.on, "boolean");
}
