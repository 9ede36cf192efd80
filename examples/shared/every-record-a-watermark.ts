import { watermarks, type WatermarkStrategy } from 'millrace'

/** For tests: after each record time has come as far as it, so that what is late does not depend on the machine's speed. */
export function everyRecordAWatermark<T extends { readonly at: number }>(): WatermarkStrategy<T> {
  return watermarks.custom<T>({
    timestamp: (record) => record.at,
    generator: () => {
      let largest = -Infinity
      return { onRecord: (_record, at) => (largest = Math.max(largest, at)) - 1 }
    },
  })
}
