import { render } from "preact";
import "./style.css";
import { App } from "./app.tsx";
import { follow } from "./live.ts";

follow();
render(<App />, document.getElementById("app")!);
