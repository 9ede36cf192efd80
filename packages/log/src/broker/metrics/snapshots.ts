import type { MetricLabels, MetricSnapshot } from '@millrace/core'

export function counterSnapshot(name: string, help: string, value: number, labels: MetricLabels = {}): MetricSnapshot {
  return { kind: 'counter', name, help, labels, value }
}

export function gaugeSnapshot(name: string, help: string, value: number, labels: MetricLabels = {}): MetricSnapshot {
  return { kind: 'gauge', name, help, labels, value }
}
