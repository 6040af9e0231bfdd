//! The schemas of JSON bodies and responses: nullability and completeness, which the framework does not derive from the types.

use std::mem;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use shared::rules::Check;

/// Registers the schema of a request body, and makes the members of [`Check::NULLABLE`] nullable. The framework only supports
/// optional members.
pub fn register_body<T: Type + Check>(registry: &mut Registry) {
    T::register(registry);
    let Some(schema) = registry.schemas.get_mut(&*T::name()) else {
        return;
    };
    let nullable = schema
        .properties
        .iter_mut()
        .filter(|(name, _)| T::NULLABLE.contains(name));
    nullable.for_each(|(_, member)| set_nullable(member));
}

/// Registers the schema of a response, whose members are always present: members that the framework registers as optional are
/// nullable instead.
pub fn register_response<T: Type>(registry: &mut Registry) {
    T::register(registry);
    require_all_members(registry, &T::schema_ref());
}

/// Makes all members required, in a schema and those that it refers to.
fn require_all_members(registry: &mut Registry, schema: &MetaSchemaRef) {
    let (members, parts) = match schema {
        MetaSchemaRef::Inline(schema) => (Vec::new(), parts(schema)),
        MetaSchemaRef::Reference(name) => {
            let Some(schema) = registry.schemas.get_mut(name) else {
                return;
            };
            let required = mem::take(&mut schema.required);
            for (name, member) in &mut schema.properties {
                if !required.contains(name) {
                    set_nullable(member);
                }
                schema.required.push(*name);
            }
            let members = schema.properties.iter().map(|(_, member)| member.clone());
            (members.collect(), parts(schema))
        }
    };
    members
        .iter()
        .chain(&parts)
        .for_each(|part| require_all_members(registry, part));
}

/// The schemas of array items and of the alternatives of a schema.
fn parts(schema: &MetaSchema) -> Vec<MetaSchemaRef> {
    let items = schema.items.iter().map(|items| &**items);
    let alternatives = schema.any_of.iter().chain(&schema.one_of).chain(&schema.all_of);
    items.chain(alternatives).cloned().collect()
}

/// Makes a member, or a whole response, nullable.
pub fn set_nullable(member: &mut MetaSchemaRef) {
    let nullable = MetaSchema {
        nullable: true,
        ..MetaSchema::ANY
    };
    *member = member.clone().merge(nullable);
}
