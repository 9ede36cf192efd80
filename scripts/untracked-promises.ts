// Imported before node:test. The runner follows each promise to the test that made it, which makes an `await` about thirty times as expensive, and our simulations do little else. It follows everything else still, by which
// a suite knows its tests, and a timer's error its test. A rejection that nothing handles fails the run, but names no test: run its file by itself (`npm test FILE`), where promises are followed.
import hooks from 'node:async_hooks'

const { createHook } = hooks
hooks.createHook = (callbacks) => createHook({ ...callbacks, trackPromises: false })
