// The ES module's client with a real soundboard, which is reloaded in between; what happens is told line by line.
import { readFileSync } from "node:fs";
import WebSocket from "ws";

import { Jeffbot } from "../../jeffbot/ws/web/jeffbot.mjs";

const client = await Jeffbot.connect(process.env.JEFFBOT_URL, { token: process.env.TOKEN, WebSocket, jitter: () => 50 });
const [low] = (await client.sounds()).filter(({ name }) => name === "low.wav");
const events = await client.events("playback").subscribe();
const file = new Blob([readFileSync(process.env.FILE)]);
const uploaded = await client.upload(file, { filename: "new.wav", shared: true });
console.log(`uploaded ${uploaded.name}`);
await client.play(low.name);
for await (const event of events) {
  if (event.name === "playback.started") {
    console.log(`${event.name} ${event.data.filename}`);
    if (event.data.filename === "new.wav") break;
    console.log("reload");
  } else if (event.name === "resync") {
    console.log(event.name);
    await client.play("new.wav");
  }
}
client.close();
