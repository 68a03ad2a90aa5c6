// A bot on discord.js with @discordjs/voice: /tone joins the caller's voice channel and plays there.
"use strict";

const fs = require("node:fs");

const { Client, Events, GatewayIntentBits, version } = require("discord.js");
const voice = require("@discordjs/voice");

const { PEER_API, PEER_TOKEN, PEER_TONE } = process.env;
const JOIN_MS = 10_000;

/** Print what happened as a line of JSON. */
const tell = (event, details = {}) => console.log(JSON.stringify({ event, ...details }));

const client = new Client({
  intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildVoiceStates],
  rest: { api: PEER_API.replace(/\/v10$/, "") },
});
const player = voice.createAudioPlayer();
player.on(voice.AudioPlayerStatus.Idle, () => tell("played", { error: null }));
player.on("error", (error) => tell("played", { error: error.message }));

/** Go into a voice channel, or stay in it. */
async function join({ id, guild }) {
  const connection =
    voice.getVoiceConnection(guild.id) ??
    voice.joinVoiceChannel({ channelId: id, guildId: guild.id, adapterCreator: guild.voiceAdapterCreator });
  connection.subscribe(player);
  await voice.entersState(connection, voice.VoiceConnectionStatus.Ready, JOIN_MS);
}

client.on(Events.ClientReady, async () => {
  await client.application.commands.set([{ name: "tone", description: "Plays a tone" }]);
  tell("ready");
});
client.on(Events.ShardResume, () => tell("resumed"));
client.on(Events.InteractionCreate, async (interaction) => {
  await interaction.deferReply();
  await join(interaction.member.voice.channel);
  player.play(voice.createAudioResource(fs.createReadStream(PEER_TONE), { inputType: voice.StreamType.OggOpus }));
  await interaction.followUp("playing");
});
client.on(Events.Error, (error) => console.error(error));
client.on(Events.Warn, (text) => console.error("WARN", text));
client.on(Events.Debug, (text) => console.error(text));

process.stdin.resume().on("end", async () => {
  await client.destroy();
  process.exit();
});
tell("started", { library: `discord.js ${version} with @discordjs/voice ${voice.version}, Node ${process.version}` });
client.login(PEER_TOKEN);
