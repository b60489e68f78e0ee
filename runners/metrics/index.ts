/**
 * Metrics, health and readiness of a run, for Prometheus and whoever starts processes. Node only.
 *
 * @module millrace/metrics
 */
export {
  METRICS_CONTENT_TYPE,
  METRICS_PORT_DEFAULT,
  metricsText,
  type MetricsServer,
  serveMetrics,
  type ServeMetricsOptions,
} from './serve-metrics.js'
