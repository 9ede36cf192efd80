import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MetricSnapshot } from './snapshot.ts'
import { prometheusText } from './prometheus.ts'
import { MetricRegistry } from './registry.ts'
import { serveMetrics } from './server.ts'

void test('the same name and labels are the same metric', () => {
  const registry = new MetricRegistry({ labels: { task: 'count' } })
  registry.counter('records').add()
  registry.counter('records').add(2)
  registry.counter('records', { labels: { side: 'late' } }).add(5)
  assert.deepEqual(registry.snapshot(), [
    { kind: 'counter', name: 'records', labels: { task: 'count' }, help: '', value: 3 },
    { kind: 'counter', name: 'records', labels: { task: 'count', side: 'late' }, help: '', value: 5 },
  ])
})

void test('a counter never falls', () => {
  const counter = new MetricRegistry().counter('n')
  counter.add(-1)
  counter.add(Number.NaN)
  counter.add(0.5)
  assert.equal(counter.value, 0.5)
})

void test('a gauge is read when asked; one that throws does no harm', () => {
  const registry = new MetricRegistry()
  let value = 1
  registry.gauge('queue', () => value)
  registry.gauge('broken', () => {
    throw new Error('user code')
  })
  value = 2
  assert.deepEqual(
    registry.snapshot().map((metric) => metric.kind === 'gauge' && metric.value),
    [2, Number.NaN],
  )
  registry.gauge('queue', () => 3)
  assert.equal(registry.snapshot().length, 2)
  for (const [given, read] of [
    [Promise.resolve(1), Number.NaN],
    [() => 1, Number.NaN],
    [5n, 5],
  ]) {
    registry.gauge('odd', () => given as number)
    assert.equal((registry.snapshot()[2] as { readonly value: unknown }).value, read)
  }
  assert.match(prometheusText(registry.snapshot(), ''), /^queue 3$/m)
})

void test('a histogram counts each value once, in the bucket that ends at or above it', () => {
  const registry = new MetricRegistry()
  const histogram = registry.histogram('size', { bounds: [10, 1, 10] })
  for (const value of [0, 1, 1.5, 10, 11, Number.NaN, Infinity]) histogram.record(value)
  const [snapshot] = registry.snapshot()
  assert.deepEqual(snapshot, {
    kind: 'histogram',
    name: 'size',
    labels: {},
    help: '',
    count: 6,
    sum: Infinity,
    max: Infinity,
    buckets: [
      { upTo: 1, count: 2 },
      { upTo: 10, count: 2 },
    ],
  })
})

void test('what cannot be a metric is refused', () => {
  const registry = new MetricRegistry({ limit: 2 })
  registry.counter('a')
  assert.throws(() => registry.gauge('a', () => 1), { code: 'METRIC_KIND' })
  for (const name of ['', '1a', 'a-b', 'a b', 'ä', 'a\n', 'x'.repeat(129)])
    assert.throws(() => registry.counter(name), { code: 'METRIC_NAME' }, name)
  registry.counter('b')
  assert.throws(() => registry.counter('c'), { code: 'METRIC_LIMIT' })
})

void test('Prometheus text: cumulative buckets, escaped labels, counters end in _total', () => {
  const registry = new MetricRegistry({ labels: { path: 'a"b\\c\nd' } })
  registry.counter('hits', { help: 'Hits,\nall of them' }).add(3)
  const histogram = registry.histogram('ms', { bounds: [1, 2], labels: { 'odd-name': 'x' } })
  for (const value of [1, 2, 2, 3]) histogram.record(value)
  assert.equal(
    prometheusText(registry.snapshot(), 'millrace_'),
    String.raw`# HELP millrace_hits_total Hits,\nall of them
# TYPE millrace_hits_total counter
millrace_hits_total{path="a\"b\\c\nd"} 3
# TYPE millrace_ms histogram
millrace_ms_bucket{path="a\"b\\c\nd",odd_name="x",le="1"} 1
millrace_ms_bucket{path="a\"b\\c\nd",odd_name="x",le="2"} 3
millrace_ms_bucket{path="a\"b\\c\nd",odd_name="x",le="+Inf"} 4
millrace_ms_sum{path="a\"b\\c\nd",odd_name="x"} 8
millrace_ms_count{path="a\"b\\c\nd",odd_name="x"} 4
`,
  )
})

void test('Prometheus text: names that become one are one family, and a series is there once', () => {
  const of = (kind: 'counter' | 'gauge', name: string, value: number, label = 'a'): MetricSnapshot => ({
    kind,
    name,
    help: '',
    labels: { label },
    value,
  })
  const text = prometheusText(
    [of('counter', 'seen', 1), of('counter', 'seen_total', 2), of('counter', 'seen_total', 3, 'b'), of('gauge', 'seen_total', 4)],
    'm_',
  )
  assert.equal(text, '# TYPE m_seen_total counter\nm_seen_total{label="a"} 1\nm_seen_total{label="b"} 3\n')
})

void test('the endpoint serves /metrics, health beside it, and nothing else', async () => {
  const server = await serveMetrics({ host: '127.0.0.1', port: 0, read: () => 'up 1\n' })
  try {
    const base = `http://127.0.0.1:${server.port}`
    const page = await fetch(`${base}/metrics`)
    assert.equal(await page.text(), 'up 1\n')
    assert.match(page.headers.get('content-type') ?? '', /version=0\.0\.4/)
    assert.equal((await fetch(`${base}/metrics?name=up`)).status, 200)
    for (const path of ['live', 'ready']) {
      const health = await fetch(`${base}/${path}`)
      assert.deepEqual([health.status, await health.text()], [200, `${path}\n`])
    }
    for (const path of ['', 'toString', 'health']) assert.equal((await fetch(`${base}/${path}`)).status, 404)
    assert.equal((await fetch(`${base}/metrics`, { method: 'POST' })).status, 405)
    await assert.rejects(serveMetrics({ host: '127.0.0.1', port: server.port, read: () => '' }), { code: 'EADDRINUSE' })
  } finally {
    await server.close()
  }
})

void test('who is not ready says why; a page that fails is an answer too', async () => {
  let reason: string | undefined = 'the job is restarting'
  const read = (): string => {
    throw new Error('no figures')
  }
  const server = await serveMetrics({ host: '127.0.0.1', port: 0, read, unready: () => reason })
  try {
    const get = async (path: string): Promise<string> => {
      const response = await fetch(`http://127.0.0.1:${server.port}${path}`)
      return `${response.status} ${await response.text()}`
    }
    assert.equal(await get('/ready'), '503 the job is restarting\n')
    assert.equal(await get('/live'), '200 live\n')
    assert.equal(await get('/metrics'), '500 no figures\n')
    reason = undefined
    assert.equal(await get('/ready'), '200 ready\n')
  } finally {
    await server.close()
  }
})
