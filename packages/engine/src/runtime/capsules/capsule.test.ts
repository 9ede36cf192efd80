import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { defineJob } from '../../api/job.ts'
import { map } from '../../api/state.ts'
import { discard } from '../../connectors/discard.ts'
import { OperatorFailure } from '../../operators/failure.ts'
import type { BuiltSubtask } from '../slot/subtask-builder.ts'
import { writeCapsule } from './capsule.ts'
import { replayCrash } from './replay.ts'

void test('what users write cannot become part of the program, nor another prototype', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'millrace-capsule-'))
  try {
    const record: unknown = JSON.parse('{"__proto__":{"isAdmin":true},"n":1}')
    const site = { operator: 'parse', stateId: 'parse', subtask: 0, during: 'map', position: undefined, record }
    const failure = new OperatorFailure(site, new Error('no\u2028process.exit(7)\u2029process.exit(8)\nprocess.exit(9)'))
    const task = { parts: { subtask: 0 }, chain: { operators: [{ host: { node: { stateId: 'parse' } } }], cursor: { timestamp: 5 } } }
    const subtask = { task, keyed: () => undefined } as unknown as BuiltSubtask
    const written = await writeCapsule(failure, [subtask], { dir, limit: 1, modulePath: join(dir, 'job.ts'), params: {}, now: () => 0 })
    const program = await readFile(written!.path, 'utf8')
    assert.match(program, /record: stored\("/)
    for (const line of program.split(/[\r\n\u2028\u2029]/)) assert.ok(!line.startsWith('process.exit'), line)
  } finally {
    await rm(dir, { recursive: true })
  }
})

void test('an operator with broadcast state is run again with its states, empty', async () => {
  const job = defineJob('rules', (env) => {
    const rules = env.fromCollection([1]).broadcast({ rules: map<string, number>() })
    env
      .fromCollection([1])
      .connect(rules)
      .process({
        onElement(_n, ctx) {
          throw new Error(`${ctx.broadcast.rules.size} rules`)
        },
        onBroadcast: () => {},
      })
      .uid('apply')
      .sinkTo(discard())
  })
  const facts = { stateId: 'apply', during: 'onElement', subtask: 0, params: {}, timestamp: 0, record: 1, key: undefined, state: undefined }
  await assert.rejects(replayCrash(job, facts), /0 rules/)
})

void test('a timer that failed is run again at its time, with its key', async () => {
  const job = defineJob('timers', (env) => {
    env
      .fromCollection([1])
      .keyBy((n) => n)
      .process({
        onElement: () => {},
        async onEventTimer(time, ctx) {
          throw new Error(`timer ${time} of ${ctx.key}`)
        },
      })
      .uid('wait')
      .sinkTo(discard())
  })
  const facts = { stateId: 'wait', during: 'onEventTimer', subtask: 0, params: {}, timestamp: 7, record: 7, key: 3, state: undefined }
  await assert.rejects(replayCrash(job, facts), /timer 7 of 3/)
})
