// Whatever user code throws, wherever it is called: the job ends as failed, and says where it was.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { defineJob } from '../api/job.ts'
import { value } from '../api/state.ts'
import { watermarks } from '../api/watermarks.ts'
import type { Environment } from '../api/environment.ts'
import { discard } from '../connectors/discard.ts'
import type { Source } from '../connectors/source.ts'
import { startJob } from './execute.ts'
import { numbers, sink } from './fixtures/own-connectors.ts'

const refuses = (): never => {
  throw new Error('not even this')
}

function refusing(...members: readonly string[]): Error {
  const error = new Error('refusing')
  for (const member of members) Object.defineProperty(error, member, { get: refuses })
  return error
}

function cyclic(): Error {
  const [a, b] = [new Error('a'), new Error('b')]
  a.cause = b
  b.cause = a
  return a
}

const everything: { readonly [what: string]: () => unknown } = {
  nothing: () => undefined,
  'a text': () => 'a text',
  'a symbol': () => Symbol('s'),
  'an object without a prototype': () => Object.create(null),
  'a frozen error': () => Object.freeze(new Error('frozen')),
  'an error that refuses to be read': () => refusing('message', 'name', 'stack', 'code', 'cause', 'details', 'retry'),
  'a cyclic error': cyclic,
  'an error whose cause refuses to be read': () => new Error('outer', { cause: refusing('message', 'cause') }),
  'a proxy that refuses everything': () => new Proxy({}, { get: refuses, getPrototypeOf: refuses, has: refuses }),
  'an error with what cannot be cloned': () => Object.assign(new Error('f'), { cause: () => {}, code: () => {} }),
}

type Throws = () => never

type Build = (env: Environment, throws: Throws) => void

/** A keyed function with the members given. */
const keyed =
  (members: (throws: Throws) => object): Build =>
  (env, throws) =>
    env
      .fromSource(numbers(), { watermarks: watermarks.monotonous((n: number) => n) })
      .keyBy((n) => n)
      .process({ onElement() {}, ...members(throws) })
      .uid('own')
      .sinkTo(discard())

const source =
  (make: (throws: Throws) => Source<number>): Build =>
  (env, throws) =>
    void env.fromSource(make(throws)).sinkTo(discard())

const into =
  (make: (throws: Throws) => object): Build =>
  (env, throws) =>
    void env.fromSource(numbers()).sinkTo(sink(make(throws)))

const failsWith = (env: Environment): ReturnType<Environment['fromSource']> => env.fromSource(numbers())

const sites: { readonly [site: string]: Build } = {
  map: (env, throws) => void failsWith(env).map(throws).sinkTo(discard()),
  'map, later': (env, throws) =>
    void failsWith(env)
      .map(async () => throws())
      .sinkTo(discard()),
  filter: (env, throws) => void failsWith(env).filter(throws).sinkTo(discard()),
  flatMap: (env, throws) => void failsWith(env).flatMap(throws).sinkTo(discard()),
  'an iterator of flatMap': (env, throws) =>
    void failsWith(env)
      .flatMap(function* () {
        yield throws()
      })
      .sinkTo(discard()),
  'key selector': (env, throws) => void failsWith(env).keyBy(throws).count().sinkTo(discard()),
  onElement: keyed((throws) => ({ onElement: throws })),
  'onElement, later': keyed((throws) => ({ onElement: async () => throws() })),
  'onElement, undeclared': keyed((throws) => ({ onElement: () => Promise.resolve().then(throws) })),
  open: keyed((throws) => ({ open: throws })),
  'open, later': keyed((throws) => ({ open: async () => throws() })),
  finish: keyed((throws) => ({ finish: throws })),
  'finish, later': keyed((throws) => ({ finish: async () => throws() })),
  close: keyed((throws) => ({ close: throws })),
  onEventTimer: keyed((throws) => ({
    onElement: (n: number, ctx: { eventTimers: { at(ms: number): void } }) => ctx.eventTimers.at(n + 1),
    onEventTimer: throws,
  })),
  'onEventTimer, later': keyed((throws) => ({
    onElement: (n: number, ctx: { eventTimers: { at(ms: number): void } }) => ctx.eventTimers.at(n + 1),
    onEventTimer: async () => throws(),
  })),
  'a codec': keyed((throws) => ({
    state: { v: value({ codec: { encode: throws, decode: throws } }) },
    onElement: (n: number, ctx: { state: { v: { set(n: number): void } } }) => ctx.state.v.set(n),
  })),
  'a time stamp': (env, throws) => void env.fromSource(numbers(), { watermarks: watermarks.monotonous(throws) }).sinkTo(discard()),
  'a generator of watermarks': (env, throws) =>
    void env.fromSource(numbers(), { watermarks: watermarks.custom({ timestamp: Number, generator: throws }) }).sinkTo(discard()),
  'a watermark': (env, throws) =>
    void env
      .fromSource(numbers(), { watermarks: watermarks.custom({ timestamp: Number, generator: () => ({ onRecord: throws }) }) })
      .sinkTo(discard()),
  createReader: source((throws) => numbers({}, {}, { createReader: throws })),
  'open of a reader': source((throws) => numbers({ open: async () => throws() })),
  addSplits: source((throws) => numbers({ addSplits: throws })),
  noMoreSplits: source((throws) => numbers({ noMoreSplits: throws })),
  poll: source((throws) => numbers({ poll: throws })),
  'snapshot of a reader': source((throws) => numbers({ snapshot: throws })),
  'close of a reader': source((throws) => numbers({ close: throws })),
  createEnumerator: source((throws) => numbers({}, {}, { createEnumerator: throws })),
  'start of an enumerator': source((throws) => numbers({}, { start: async () => throws() })),
  addReader: source((throws) => numbers({}, { addReader: throws })),
  'snapshot of an enumerator': source((throws) => numbers({}, { snapshot: throws })),
  createWriter: (env, throws) => void failsWith(env).sinkTo({ ...sink(), createWriter: throws }),
  'open of a writer': into((throws) => ({ open: async () => throws() })),
  write: into((throws) => ({ write: throws })),
  ready: into((throws) => ({ ready: throws })),
  prepare: into((throws) => ({ prepare: async () => throws() })),
  commit: into((throws) => ({ commit: async () => throws() })),
  'close of a writer': into((throws) => ({ close: async () => throws() })),
}

describe('a job in which anything is thrown', () => {
  for (const [site, build] of Object.entries(sites)) {
    it(`fails with it, and says where: ${site}`, { timeout: 20_000 }, async () => {
      for (const [what, make] of Object.entries(everything)) {
        const throws: Throws = () => {
          throw make()
        }
        const job = defineJob('failing', (env) => build(env, throws))
        const running = startJob(job, { options: { restart: { strategy: 'none' } } })
        const result = await Promise.race([
          running.done,
          new Promise<undefined>((resolve) => setTimeout(resolve, 3_000, undefined).unref()),
        ])
        assert.ok(result !== undefined, `${what}: it hangs`)
        assert.equal(result.state, 'failed', what)
        assert.match(
          result.state === 'failed' ? result.failure.error.message : '',
          /^operator '.*', subtask 0, failed in |State "v" of own, key \d, /,
          what,
        )
      }
    })
  }
})
