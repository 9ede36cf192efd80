import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { giveHeapRoom, growthPercentOf } from './heap-room.ts'

const MIB = 1024 * 1024

test('only a small heap is given room', () => {
  assert.equal(growthPercentOf(15 * MIB), 300)
  assert.equal(growthPercentOf(32 * MIB), 300)
  assert.equal(growthPercentOf(32 * MIB + 1), 0)
})

test('it is given at once, taken when the heap has grown, and at the end', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const flags: string[] = []
  const takeRoom = giveHeapRoom((flag) => flags.push(flag))
  assert.deepEqual(flags, ['--heap-growing-percent=300'])
  const kept = Array.from({ length: 6e6 }, () => 0.5)
  const deadline = Date.now() + 10_000
  while (flags.at(-1) !== '--heap-growing-percent=0' && Date.now() < deadline) {
    collect()
    await sleep(1)
  }
  assert.equal(flags.at(-1), '--heap-growing-percent=0', `${kept.length} numbers are no small heap`)
  flags.length = 0
  takeRoom()
  assert.deepEqual(flags, ['--heap-growing-percent=0'])
})

test('V8 lets such a heap grow to four times what is in use, also where hardly anything is made', () => {
  const source = `
    import { giveHeapRoom } from ${JSON.stringify(new URL('heap-room.ts', import.meta.url).href)}
    giveHeapRoom()
    for (let times = 0; times < 12; times++) { gc(); await new Promise((resolve) => setTimeout(resolve, 5)) }`
  const flags = ['--conditions=@millrace/source', '--expose-gc', '--trace-gc-verbose', '--input-type=module', '--eval', source]
  const trace = execFileSync(process.execPath, flags, { encoding: 'utf8' })
  const factors = [...trace.matchAll(/\[HeapController\] factor ([\d.]+)/g)].map(([, factor]) => Number(factor))
  assert.equal(factors.length, 12)
  assert.deepEqual(new Set(factors), new Set([4]))
})
