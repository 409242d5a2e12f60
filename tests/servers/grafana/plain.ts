// Grafana's types as JSON has them: members of an enum are the texts and numbers that they stand for.
import type { Dashboard, DataSourceRef, FieldConfig, Panel, RowPanel } from '@grafana/schema';
import type * as BarGauge from '@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import type * as Heatmap from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen';
import type * as Stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as Table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as TimeSeries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

export type Plain<T> = unknown extends T
  ? T
  : T extends string
    ? `${T}`
    : T extends number
      ? (`${T}` extends `${infer N extends number}` ? N : T)
      : T extends boolean | null | undefined
        ? T
        : T extends Array<infer E>
          ? Plain<E>[]
          : T extends object
            ? { [K in keyof T]: Plain<T[K]> }
            : T;

interface DataLink {
  title: string;
  url: string;
  targetBlank: boolean;
}

// The npm package has no types of the queries: Grafana's Prometheus and Tempo are plugins of their own.
interface PrometheusQuery {
  refId: string;
  datasource: DataSourceRef;
  editorMode: 'code';
  expr: string;
  legendFormat: string;
  format: 'time_series' | 'table' | 'heatmap';
  instant: boolean;
  range: boolean;
  exemplar: boolean;
  interval: string;
}

interface TempoQuery {
  refId: string;
  datasource: DataSourceRef;
  queryType: 'traceql';
  query: string;
  limit: number;
  spss: number;
  tableType: 'traces' | 'spans';
}

type Of<Kind extends string, Options, Custom> = Omit<Panel, 'type' | 'options' | 'targets' | 'fieldConfig'> & {
  type: Kind;
  options: Options;
  targets: (PrometheusQuery | TempoQuery)[];
  fieldConfig: {
    defaults: Omit<FieldConfig, 'custom' | 'links'> & { custom?: Custom; links?: DataLink[] };
    overrides: NonNullable<Panel['fieldConfig']>['overrides'];
  };
};

type AnyPanel =
  | Of<'stat', Stat.Options, never>
  | Of<'bargauge', BarGauge.Options, never>
  | Of<'timeseries', TimeSeries.Options, TimeSeries.FieldConfig>
  | Of<'table', Table.Options, Table.FieldConfig>
  | Of<'heatmap', Heatmap.Options, Heatmap.FieldConfig>;

type Row = Omit<RowPanel, 'panels'> & { panels: AnyPanel[] };

export type Ours = Plain<Omit<Dashboard, 'panels'> & { panels: (AnyPanel | Row)[] }>;
