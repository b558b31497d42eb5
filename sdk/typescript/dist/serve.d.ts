/** Answers the host over the inherited descriptor, and ends the process with it. */
import type { Node } from "./node.js";
/** What names the package; a package of one node may leave the id out. */
export type Package = {
    id?: string;
    version?: string;
};
/** Answers the host with these nodes, then ends the process. Started by hand, it says so and ends with 2. */
export declare function serve(nodes: Node | readonly Node[], options?: Package): void;
