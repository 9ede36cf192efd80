import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { defineJob } from '../../api/job.ts'
import { watermarks } from '../../api/watermarks.ts'
import { generator } from '../../connectors/generator/generator.ts'
import type { Sink } from '../../connectors/sink.ts'
import type { Source } from '../../connectors/source.ts'
import { execute } from '../execute.ts'
import { numbers, sink } from '../fixtures/own-connectors.ts'

const boom = (): never => {
  throw new Error('boom')
}

async function failureOf(source: Source<number>, to: Sink<unknown>, strategy?: object): Promise<Error & { code?: string }> {
  const job = defineJob('failing', (env) => {
    env
      .fromSource(source, { name: 'my source', ...(strategy === undefined ? {} : { watermarks: strategy as never }) })
      .sinkTo(to)
      .name('my sink')
  })
  try {
    await execute(job, { options: { restart: { strategy: 'none' } } })
  } catch (error) {
    return error as Error
  }
  throw new Error('it did not fail')
}

describe('a sink of somebody else that fails is named, with what it was doing', () => {
  const table: readonly (readonly [during: string, writer: object, problem: RegExp])[] = [
    ['open', { open: boom }, /boom/],
    ['write', { write: boom }, /boom/],
    ['ready', { ready: boom }, /boom/],
    ['prepare', { prepare: boom }, /boom/],
    ['prepare', { prepare: async () => boom() }, /boom/],
    ['prepare', { prepare: () => undefined }, /answered undefined, where an array/],
    ['commit', { commit: boom }, /boom/],
    ['commit', { commit: async () => boom() }, /boom/],
    ['close', { close: async () => boom() }, /boom/],
    ['createWriter', { write: undefined }, /has no write\(\)/],
  ]
  for (const [during, writer, problem] of table) {
    it(`${during}: ${JSON.stringify(Object.keys(writer))}, ${problem.source}`, async () => {
      const { message, code } = await failureOf(numbers(), sink(writer))
      assert.ok(message.startsWith(`operator 'my sink', subtask 0, failed in ${during}`), message)
      assert.match(message, problem)
      assert.equal(code, 'OPERATOR_FAILED')
    })
  }
})

describe('a source of somebody else that fails is named, with what it was doing', () => {
  const table: readonly (readonly [during: string, source: Source<number>, problem?: RegExp])[] = [
    ['open', numbers({ open: boom })],
    ['poll', numbers({ poll: boom })],
    ['addSplits', numbers({ addSplits: boom })],
    ['noMoreSplits', numbers({ noMoreSplits: boom })],
    ['snapshot', numbers({ snapshot: boom })],
    ['snapshot', numbers({ snapshot: () => undefined }), /answered undefined, where an array/],
    ['snapshot', numbers({ snapshot: () => [boom] }), /could not be cloned/],
    ['close', numbers({ close: boom })],
    ['createReader', { ...numbers(), createReader: boom }],
    ['createReader', numbers({ poll: undefined }), /has no poll\(\)/],
    ['createEnumerator of its enumerator', { ...numbers(), createEnumerator: boom }],
    ['start of its enumerator', numbers({}, { start: boom })],
    ['start of its enumerator', numbers({}, { start: async () => boom() })],
    ['addReader of its enumerator', numbers({}, { addReader: boom })],
    ['snapshot of its enumerator', numbers({}, { snapshot: boom })],
    ['snapshot of its enumerator', numbers({}, { snapshot: () => boom }), /could not be cloned/],
    ['poll', generator({ count: 3, generate: boom })],
  ]
  for (const [during, source, problem = /boom/] of table) {
    it(`${during}, ${problem.source}`, async () => {
      const { message, code } = await failureOf(source, sink())
      assert.ok(message.startsWith(`operator 'my source', subtask 0, failed in ${during}`), message)
      assert.match(message, problem)
      assert.equal(code, 'OPERATOR_FAILED')
    })
  }

  it('what it answers to poll is looked at: undefined would be asked for ever', async () => {
    const { message, code } = await failureOf(numbers({ poll() {} }), sink())
    assert.match(message, /my source answered undefined to poll/)
    assert.equal(code, 'SOURCE_ANSWER_INVALID')
  })

  it('enumerators that were started are closed where another does not start', async () => {
    const closed: string[] = []
    const first = numbers({}, { close: () => void closed.push('first') })
    const second = numbers({}, { start: boom, close: () => void closed.push('second') })
    const job = defineJob('two sources', (env) => {
      env.fromSource(first).union(env.fromSource(second)).sinkTo(sink())
    })
    await assert.rejects(execute(job, { options: { restart: { strategy: 'none' } } }), /boom/)
    assert.deepEqual(closed.toSorted(), ['first', 'second'])
  })
})

describe('a watermark strategy that throws is named', () => {
  const timestamp = (n: number): number => n
  const table: readonly (readonly [during: string, strategy: object])[] = [
    ['the time stamp of the watermark strategy', watermarks.monotonous(boom)],
    ['the watermark generator', watermarks.custom({ timestamp, generator: boom })],
    ['the watermark generator', watermarks.custom({ timestamp, generator: () => ({ onRecord: boom }) })],
    ['the watermark generator', watermarks.custom({ timestamp, generator: () => ({ onRecord: () => undefined, onPeriod: boom }) })],
  ]
  for (const [during, strategy] of table) {
    it(during, async () => {
      const { message } = await failureOf(numbers(), sink(), strategy)
      assert.ok(message.startsWith(`operator 'my source', subtask 0, failed in ${during}`), message)
    })
  }
})

it('a commit that asks to be tried again is, also by an error that is not ours', async () => {
  let tries = 0
  const commit = async (): Promise<void> => {
    if (++tries < 3) throw Object.assign(new Error('busy'), { retry: true })
  }
  const job = defineJob('again', (env) => void env.fromSource(numbers()).sinkTo(sink({ commit })))
  assert.equal((await execute(job)).state, 'finished')
  assert.ok(tries >= 3)
})

it('what was thrown may be anything: the job fails, the process goes on', async () => {
  for (const thrown of [Object.create(null), { toString: boom }, Symbol('s')]) {
    const poll = (): never => {
      throw thrown
    }
    const { code } = await failureOf(numbers({ poll }), sink())
    assert.equal(code, 'OPERATOR_FAILED')
  }
})

it('what a source has to say names it, whichever part of it says so', async () => {
  const notice = { code: 'OWN_NOTICE', message: 'look' }
  const plain = numbers()
  const telling: Source<number> = {
    ...plain,
    createEnumerator: (context) => {
      context.report?.(notice)
      return plain.createEnumerator(context)
    },
    createReader: (context) => {
      context.report?.(notice)
      return plain.createReader(context)
    },
  }
  const named: unknown[] = []
  const job = defineJob('telling', (env) => void env.fromSource(telling, { name: 'my source' }).sinkTo(sink()))
  await execute(job, { log: ({ fields }) => void (fields['code'] === notice.code && named.push(fields['operator'])) })
  assert.deepEqual(named, ['my source', 'my source'])
})
