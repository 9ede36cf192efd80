// Broadcast state of a whole job, restored by one that declares less of it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testJob, TestInput, TestOutput } from '@millrace/testkit'
import type { Environment } from '../../api/environment.ts'
import { map, value } from '../../api/state.ts'
import { type } from '../../api/types.ts'

test('a broadcast state that is not declared any more is refused, or dropped where that is allowed', async () => {
  const rules = new TestInput<string>('rules')
  const words = new TestInput<string>('words')
  const output = new TestOutput<string>()
  const both = { byName: map<string, string>(), last: value<string>() }
  const build =
    (declared: typeof both) =>
    (env: Environment): void => {
      words
        .stream(env)
        .connect(rules.stream(env).broadcast(declared))
        .process({
          emits: type<string>(),
          onElement: (word, ctx) => ctx.emit(`${word} ${ctx.broadcast.byName.get('rule')}`),
          onBroadcast(rule, ctx) {
            ctx.broadcast.byName.set('rule', rule)
            ctx.broadcast.last.set(rule)
          },
        })
        .uid('match')
        .sinkTo(output)
        .uid('output')
    }
  await using first = await testJob(build(both))
  await first.send(rules, 'strict')
  const restore = await first.savepoint()
  await first.close()
  const less = build({ byName: both.byName } as typeof both)
  await assert.rejects(testJob(less, { parallelism: 3, restore }), { code: 'STATE_UNMAPPED', message: /"last" of/ })
  await using second = await testJob(less, { parallelism: 3, restore, allowNonRestoredState: true })
  await second.send(words, 'word')
  assert.deepEqual(output.take(), ['word strict'])
})
