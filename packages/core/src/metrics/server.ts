import { prometheusContentType } from './prometheus.ts'

export interface MetricServer {
  readonly port: number
  close(): Promise<void>
}

/**
 * Serves what `read` answers at `/metrics`, over HTTP; `node:http` is loaded only now, as it costs start-up time.
 * It does not keep the process alive. Rejects if the port is taken.
 */
export async function serveMetrics(options: {
  readonly host: string
  readonly port: number
  readonly read: () => string
}): Promise<MetricServer> {
  const { createServer } = await import('node:http')
  const server = createServer((request, response) => {
    const known = request.url === '/metrics'
    const allowed = request.method === 'GET' || request.method === 'HEAD'
    response.statusCode = known ? (allowed ? 200 : 405) : 404
    response.setHeader('content-type', known && allowed ? prometheusContentType : 'text/plain')
    response.end(known && allowed ? options.read() : `metrics are at /metrics\n`)
  })
  server.maxConnections = 64
  server.requestTimeout = 10_000
  server.unref()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host, () => {
      server.off('error', reject)
      resolve()
    })
  })
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : options.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
