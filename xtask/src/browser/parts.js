
/** The page shown first comes as one file, from which its parts are taken; later pages load what they lack. */
let first;
/** How every module begins. */
const MODULE = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0);
function opening(file, load) {
    return wrapAsyncCb(() => {
        first ??= WebAssembly.compileStreaming(fetch(address(file))).then(partsOf).catch(() => undefined);
        return load();
    });
}
/** The parts by name, each as the pieces of a module: its file keeps the sections of one kind together. */
function partsOf(whole) {
    const bytesOf = (name) => new Uint8Array(WebAssembly.Module.customSections(whole, name)[0]);
    const columns = {};
    const taken = (kind) => {
        const column = (columns[kind] ??= { bytes: bytesOf(kind), at: 0 });
        const start = column.at;
        let [at, length, shift, byte] = [start + 1, 0, 0, 128];
        for (; byte & 128; shift += 7) {
            byte = column.bytes[at++];
            length |= (byte & 127) << shift;
        }
        column.at = at + length;
        return column.bytes.subarray(start, column.at);
    };
    const lines = new TextDecoder().decode(bytesOf("parts")).split("\n").map((line) => line.split(" "));
    return new Map(lines.map(([name, ...kinds]) => [name, [MODULE, ...kinds.map(taken)]]));
}
async function part(name) {
    const pieces = (await first)?.get(name);
    return pieces ? new Response(new Blob(pieces, { type: "application/wasm" })) : asked(address(name));
}
/** A server that is away, or a line that breaks, is no reason to give up: whoever waits for a part goes on waiting. */
async function asked(url) {
    for (let pause = 500; ; pause = Math.min(2 * pause, 8000)) {
        try {
            const answer = await fetch(url);
            // Whole: what breaks in the middle is asked for again, too.
            if (answer.ok) return new Response(await answer.arrayBuffer(), { headers: answer.headers });
        } catch {
            // The next attempt says the same where it is for good.
        }
        await new Promise((done) => setTimeout(done, pause));
    }
}
function address(name) {
    return new URL(`./${name}.wasm`, import.meta.url);
}
