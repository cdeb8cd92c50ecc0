namespace ControlCenter.Runtime.Storage.Migrations;

/// <summary>How long what a shipment of log brought was not in the repository yet.</summary>
internal static class ShipmentExposureSql
{
    public const string Up =
        """
        -- The newest event that it has, and the first one that the shipment before it had not: null where nothing happened between them.
        alter table wal_shipments add column last_seq bigint, add column exposed_since timestamptz;
        """;

    public const string Down = "alter table wal_shipments drop column last_seq, drop column exposed_since;";
}
