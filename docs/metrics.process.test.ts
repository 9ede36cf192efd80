// Every metric that a broker serves is in the reference, and every one in the reference is served.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Log } from '@millrace/log'
import { LogClient } from '@millrace/log/client'
import { root, spansOf } from './mentions.ts'

/** Names in the reference; `…_bytesin_total` goes on from the name before it. */
function namesInReference(): readonly string[] {
  const page = readFileSync(join(root, 'docs/reference/metrics.md'), 'utf8')
  const names: string[] = []
  for (const { text } of spansOf({ path: 'metrics.md', text: page.slice(page.indexOf('## Of a broker')) })) {
    if (/^(kafka|millrace|process)_[a-z_]+$/.test(text)) names.push(text)
    else if (text.startsWith('…')) names.push(`${names.findLast((name) => !name.includes('…'))!}…${text.slice(1)}`)
  }
  return names
}

/** Whether the page has this name: in full, or as the beginning of one and the end of a shortened one. */
function isListed(name: string, listed: readonly string[]): boolean {
  return listed.some((each) => {
    const [first, ending] = each.split('…')
    return ending === undefined ? each === name : name.endsWith(ending) && first!.startsWith(name.slice(0, -ending.length))
  })
}

void test('the reference has every metric of a broker', async (context) => {
  const log = await Log.start()
  context.after(() => log.close())
  const client = new LogClient({ bootstrap: log.bootstrap })
  context.after(() => client.close())
  await client.admin.createTopics([{ name: 'orders', partitions: 1 }])
  const producer = client.producer()
  await producer.send({ topic: 'orders', value: 'tea' })
  await producer.close()
  const served = [...log.metrics().matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1]!)
  assert.ok(served.length > 30, `${served.length} metrics`)
  const listed = namesInReference()
  assert.deepEqual(
    served.filter((name) => !isListed(name, listed)),
    [],
    'not in the reference',
  )
  assert.deepEqual(
    listed.filter((name) => !served.some((each) => isListed(each, [name]))),
    [],
    'not served',
  )
})
