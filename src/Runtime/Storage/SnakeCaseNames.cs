using System.Text.Json;
using Microsoft.EntityFrameworkCore;

namespace ControlCenter.Runtime.Storage;

/// <summary>PostgreSQL's custom for names: <c>snake_case</c>, unquoted.</summary>
public static class SnakeCaseNames
{
    /// <summary>Renames every column, key and index of the model that has not been named on purpose.</summary>
    public static void UseSnakeCaseNames(this ModelBuilder model)
    {
        foreach (var entity in model.Model.GetEntityTypes())
        {
            foreach (var property in entity.GetProperties())
            {
                property.SetColumnName(JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name));
            }

            foreach (var key in entity.GetKeys())
            {
                key.SetName($"{entity.GetTableName()}_pkey");
            }

            foreach (var foreign in entity.GetForeignKeys())
            {
                foreign.SetConstraintName($"{entity.GetTableName()}_{string.Join('_', foreign.Properties.Select(p => JsonNamingPolicy.SnakeCaseLower.ConvertName(p.Name)))}_fkey");
            }
        }
    }
}
