
/** The page shown first comes as one file, from which its parts are taken; later pages load what they lack. */
let first;
function opening(file, load) {
    return wrapAsyncCb(() => {
        first ??= WebAssembly.compileStreaming(fetch(address(file))).catch(() => undefined);
        return load();
    });
}
async function part(name) {
    const whole = await first;
    const [bytes] = whole ? WebAssembly.Module.customSections(whole, name) : [];
    return bytes ? new Response(bytes, { headers: { "content-type": "application/wasm" } }) : asked(address(name));
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
