/**
 * Metrics and spans of runs for OpenTelemetry. What is made of them, your SDK decides.
 *
 * @module millrace/opentelemetry
 */
export { openTelemetry, type OpenTelemetryOptions } from './open-telemetry.js'
