// Follows every event from a place on over /hubs/feed, as a dashboard of one's own would, and prints the place of each on a
// line. After a drop it asks for what comes after the last one that it has seen.
//   CC_KEY=… node follow.mjs http://127.0.0.1:7400 0
import { HubConnectionBuilder, LogLevel } from "@microsoft/signalr";

const [host, after] = process.argv.slice(2);
let last = Number(after);

const connection = new HubConnectionBuilder()
  .withUrl(`${host}/hubs/feed`, { accessTokenFactory: () => process.env.CC_KEY })
  .withAutomaticReconnect({ nextRetryDelayInMilliseconds: () => 200 })
  .configureLogging(LogLevel.Error)
  .build();

const follow = () => connection.stream("Feed", "all", last).subscribe({
  next: (event) => { last = event.seq; console.log(event.seq); },
  error: (fault) => console.error(`dropped after ${last}: ${fault.message}`),
  complete: () => console.error("the stream was completed, which it never is"),
});

connection.onreconnected(() => { console.error(`connected again after ${last}`); follow(); });
await connection.start();
follow();
