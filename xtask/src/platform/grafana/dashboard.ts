// What a dashboard here may be, in Grafana's own types: of each kind of panel its options and
// its fields. What these types leave open and we rely on is closed.
import type {
    Dashboard as Whole,
    DashboardLink,
    FieldConfig,
    FieldConfigSource,
    GridPos,
    RowPanel,
    VariableModel,
} from '@grafana/schema';
import type * as gauge from '@grafana/schema/dist/esm/raw/composable/gauge/panelcfg/x/GaugePanelCfg_types.gen';
import type * as heatmap from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen';
import type * as logs from '@grafana/schema/dist/esm/raw/composable/logs/panelcfg/x/LogsPanelCfg_types.gen';
import type * as stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as timeseries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

/** By a variable: nobody's data source is named. */
interface Source {
    type: 'prometheus' | 'loki';
    uid: '${datasource}' | '${logs}';
}

interface Query {
    refId: string;
    datasource: Source;
    editorMode: 'code';
    expr: string;
    legendFormat: string;
}

interface Prometheus extends Query {
    format: 'time_series' | 'table' | 'heatmap';
    instant: boolean;
    range: boolean;
    exemplar: boolean;
}

interface Loki extends Query {
    queryType: 'instant' | 'range';
}

interface Fields<Custom> extends Omit<FieldConfigSource, 'defaults'> {
    defaults: Omit<FieldConfig, 'custom' | 'unit'> & { custom?: Custom; unit: string };
}

interface Panel<Type, Options, Custom = never> {
    id: number;
    type: Type;
    title: string;
    /** @minLength 15 */
    description: string;
    datasource: Source;
    gridPos: GridPos;
    fieldConfig: Fields<Custom>;
    options: Options;
    /** @minItems 1 */
    targets: Array<Prometheus | Loki>;
    transformations?: Array<{ id: 'merge' | 'organize'; options: Record<string, unknown> }>;
}

type Drawn =
    | Panel<'gauge', gauge.Options>
    | Panel<'heatmap', heatmap.Options>
    | Panel<'logs', logs.Options>
    | Panel<'stat', stat.Options>
    | Panel<'table', table.Options, table.FieldConfig>
    | Panel<'timeseries', timeseries.Options, timeseries.FieldConfig>;

interface Head extends Omit<RowPanel, 'panels'> {
    title: string;
    gridPos: GridPos;
    panels: Drawn[];
}

/** It has no uid of its own: two may own a copy. */
export interface Dashboard extends Pick<Whole, 'editable' | 'graphTooltip' | 'refresh' | 'timezone'> {
    title: string;
    /** @minLength 15 */
    description: string;
    tags: string[];
    schemaVersion: number;
    links: DashboardLink[];
    time: { from: string; to: string };
    templating: { list: VariableModel[] };
    panels: Array<Drawn | Head>;
}
