// A bot on discord.js with @discordjs/voice, used as their own guide does with Ogg Opus files.
"use strict";

const fs = require("node:fs");
const readline = require("node:readline");

const { Client, Events, GatewayIntentBits, version } = require("discord.js");
const voice = require("@discordjs/voice");

const { BENCH_API, BENCH_TOKEN } = process.env;
const JOIN_MS = 30_000;

const tell = (done, fields = {}) => process.stdout.write(JSON.stringify({ done, ...fields }) + "\n");
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const client = new Client({
  intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildVoiceStates],
  rest: { api: BENCH_API.replace(/\/v10$/, "") },
});
const joined = [];

/** Play a file on a player, in place of what it plays. */
function begin(player, file) {
  player.play(voice.createAudioResource(fs.createReadStream(file), { inputType: voice.StreamType.OggOpus }));
}

/** What can be wished for; what comes back are fields to tell. Snowflakes are text here. */
const wishes = {
  async join({ channels }) {
    for (const id of channels) {
      const { guild } = await client.channels.fetch(String(id));
      const connection = voice.joinVoiceChannel({
        channelId: String(id),
        guildId: guild.id,
        adapterCreator: guild.voiceAdapterCreator,
      });
      const player = voice.createAudioPlayer();
      player.on("error", (error) => console.error(error));
      connection.subscribe(player);
      await voice.entersState(connection, voice.VoiceConnectionStatus.Ready, JOIN_MS);
      joined.push({ connection, player });
    }
  },
  leave() {
    for (const { connection } of joined.splice(0)) connection.destroy();
  },
  play({ file }) {
    begin(joined[0].player, file);
  },
  async join_and_play({ channel, file }) {
    await wishes.join({ channels: [channel] });
    begin(joined[0].player, file);
  },
  stop() {
    for (const { player } of joined) player.stop(true);
  },
  async start({ file, streams, seconds }) {
    const began = performance.now();
    const players = joined.slice(0, streams).map(({ player }) => player);
    for (const [n, player] of players.entries()) {
      await wait(Math.max(0, began + (1000 * seconds * n) / streams - performance.now()));
      begin(player, file);
    }
  },
  cpu() {
    const { user, system } = process.cpuUsage();
    return { seconds: (user + system) / 1e6 };
  },
};

client.on(Events.ClientReady, () => {
  tell("ready", { versions: `@discordjs/voice ${voice.version}, discord.js ${version}, Node ${process.version}` });
  // Snowflakes are too large for JavaScript's numbers: they are quoted before the JSON is read.
  readline.createInterface({ input: process.stdin }).on("line", async (line) => {
    const { do: name, ...fields } = JSON.parse(line.replace(/\b\d{16,}\b/g, '"$&"'));
    tell(name, await wishes[name](fields));
  }).on("close", () => process.exit());
});
client.on(Events.Error, (error) => console.error(error));
client.login(BENCH_TOKEN);
