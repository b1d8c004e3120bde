// Paints, edits and streams with the unmodified `openai` package; prints what came, as JSON.
// ADDRESS, KEY and PICTURE (a file) come from the environment, the prompt from standard input.
import fs from "node:fs";
import OpenAI, { APIError, toFile } from "openai";

const prompt = fs.readFileSync(0, "utf8");
const { ADDRESS: baseURL, KEY: apiKey, PICTURE: picture } = process.env;
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const few = { seed: 7, num_inference_steps: 3 };
const size = "64x64";

const models = [];
for await (const model of client.models.list()) models.push(model.id);

const painted = await client.images.generate({ prompt, size, n: 2, ...few });

const image = await toFile(fs.createReadStream(picture), "photo.png", { type: "image/png" });
const edited = await client.images.edit({ prompt, image, strength: 0.5, ...few });

const events = [];
const stream = await client.images.generate({
  prompt, size, stream: true, partial_images: 1, ...few, num_inference_steps: 10,
});
for await (const event of stream) events.push(event.type);

let refused = null;
try {
  await client.images.generate({ prompt, size: "large" });
} catch (error) {
  if (!(error instanceof APIError)) throw error;
  refused = { status: error.status, code: error.code, param: error.param, message: error.message };
}
const pictures = [...painted.data, ...edited.data].map((one) => one.b64_json);
console.log(JSON.stringify({ models, pictures, events, refused }));
