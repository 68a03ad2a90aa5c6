// A client of the remote control for Node; needs the package ws.
//
//   TOKEN=$(python -m jeffbot.ws.auth <your_discord_user_id>) node examples/ws_client_example.mjs play airhorn
//
// The actions: list, play <filename>, random, stop, status.
import WebSocket from "ws";

const [action = "status", ...words] = process.argv.slice(2);
const socket = new WebSocket(process.env.JEFFBOT_URL ?? "ws://localhost:8765");
const send = (request) => socket.send(JSON.stringify(request));

socket.on("message", (data) => {
  const message = JSON.parse(data);
  if (message.action === "welcome") {
    send({ action: "authenticate", token: process.env.TOKEN });
  } else if (message.action === "auth_success") {
    send(action === "play" ? { action, filename: words.join(" ") } : { action });
  } else {
    console.log(JSON.stringify(message, null, 2));
    process.exitCode = message.action === "error" ? 1 : 0;
    socket.close();
  }
});
socket.on("close", (code, reason) => {
  if (code !== 1000 && code !== 1005) {
    console.error(`closed: ${code} ${reason}`);
    process.exitCode = 1;
  }
});
socket.on("error", (error) => {
  console.error(`${error.message || error.code}: is the bot running?`);
  process.exitCode = 1;
});
